;; A second memory, which no processor has a use for.
;; origin: growth
;; stands: upload
;; refused-at-load: memor
;;; items
(memory 1)
