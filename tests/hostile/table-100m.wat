;; A table of a hundred million elements.
;; origin: growth
;; stands: upload
;; refused-at-load: table
;;; items
(table 100000000 funcref)
