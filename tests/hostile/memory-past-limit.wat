;; A memory one page above the limit from the start.
;; origin: growth
;; stands: upload
;; pages: 513
;; refused-at-load: memory
