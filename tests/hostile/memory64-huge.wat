;; A memory with addresses of 64 bits and 16 TiB from the start.
;; origin: growth
;; stands: upload
;; refused-at-load: memor
;;; items
(memory i64 268435456)
