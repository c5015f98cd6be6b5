;; A lone surrogate in a log record.
;; origin: encoding
;; stands: first write
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\ed\a0\80")
;;; write
(call $emit (i32.const 1) (i32.const 32000) (i32.const 3)) (global.get $ok)
