;; A memory of exactly the limit from the start: its right.
;; origin: growth
;; stands: upload
;; pages: 512
;; expect: accept
