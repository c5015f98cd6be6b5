;; A memory of 4 GiB from the start.
;; origin: growth
;; stands: upload
;; pages: 65536
;; refused-at-load: memory
