;; Division by zero in `close`.
;; origin: traps
;; stands: close
;; expect: 451 trap
;;; close
(i32.div_s (i32.const 1) (i32.const 0))
