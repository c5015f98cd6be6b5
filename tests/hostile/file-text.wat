;; A message instead of a component.
;; origin: files
;; stands: upload
;; bytes: text
;; refused-at-load: not a component
