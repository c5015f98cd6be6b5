;; A load from outside of memory in `configure`.
;; origin: traps
;; stands: configure
;; refused-at-load: out of bounds
;;; configure
(i32.load (i32.const -4))
