;; A counter whose name is no UTF-8.
;; origin: encoding
;; stands: first write
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; write
(call $count (i32.const 32000) (i32.const 4) (i64.const 1)) (global.get $ok)
