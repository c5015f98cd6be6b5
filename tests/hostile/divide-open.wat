;; Division by zero in `open`.
;; origin: traps
;; stands: open
;; expect: 451 trap
;;; open
(i32.div_s (i32.const 1) (i32.const 0))
