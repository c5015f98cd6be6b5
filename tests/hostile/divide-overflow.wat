;; The one division of integers that overflows.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; write
(i32.div_s (i32.const 0x80000000) (i32.const -1))
