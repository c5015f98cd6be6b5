;; A data segment that lies outside of memory: instantiation itself fails.
;; origin: traps
;; stands: start
;; refused-at-load: out of bounds | memory
;;; items
(data (i32.const -8) "0123456789")
