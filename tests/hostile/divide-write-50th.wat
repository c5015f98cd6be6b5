;; Division by zero in `write`, the fiftieth one.
;; origin: traps
;; stands: 50th write
;; message: chunks
;; expect: 451 trap
;;; 50th
(i32.div_s (i32.const 1) (i32.const 0))
