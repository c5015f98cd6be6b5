;; A component of a version that there is not.
;; origin: files
;; stands: upload
;; bytes: unknown version
;; refused-at-load: not a component
