;; No byte at all.
;; origin: files
;; stands: upload
;; bytes: empty
;; refused-at-load: not a component
