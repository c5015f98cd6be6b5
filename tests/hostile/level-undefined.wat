;; A log level that the interface does not have.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; open
(call $emit (i32.const 4) @"x") (global.get $ok)
