;; A log record that is no UTF-8.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; open
(call $emit (i32.const 1) (i32.const 32000) (i32.const 4)) (global.get $ok)
