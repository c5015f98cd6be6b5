;; A memory that may grow to 4 GiB, as it says, and does not: harmless.
;; origin: growth
;; stands: upload
;; wat: (export "memory") 16) => (export "memory") 16 65536)
;; expect: accept
