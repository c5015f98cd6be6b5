;; Says that it failed, in no UTF-8.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; open
(call $failed (i32.const 32000) (i32.const 4))
