;; A memory with addresses of 64 bits.
;; origin: growth
;; stands: upload
;; refused-at-load: memory64 | 64-bit
;;; items
(memory i64 1)
