;; Makes an integer of what is not a number.
;; origin: traps
;; stands: close
;; expect: 451 trap
;;; close
(i32.trunc_f64_s (f64.const nan))
