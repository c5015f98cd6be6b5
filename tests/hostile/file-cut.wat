;; A component without its last byte.
;; origin: files
;; stands: upload
;; bytes: all but a byte
;; refused-at-load: damaged | unexpected end | compile
