;; Division by zero in `write`.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; write
(i32.div_s (i32.const 1) (i32.const 0))
