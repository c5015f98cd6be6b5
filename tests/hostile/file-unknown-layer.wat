;; A component of a layer that there is not.
;; origin: files
;; stands: upload
;; bytes: unknown layer
;; refused-at-load: not a component
