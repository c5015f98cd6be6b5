;; A log level far outside of what an enum has bits for.
;; origin: encoding
;; stands: close
;; expect: 451 trap
;;; close
(call $emit (i32.const -1) @"x") (global.get $ok)
