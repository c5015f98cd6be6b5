;; Division by zero in `describe`.
;; origin: traps
;; stands: describe
;; refused-at-load: divide by zero
;;; describe
(i32.div_s (i32.const 1) (i32.const 0))
