;; Half a component.
;; origin: files
;; stands: upload
;; bytes: half
;; refused-at-load: damaged | unexpected end | compile
