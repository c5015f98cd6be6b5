;; A function that calls itself through a table.
;; origin: growth
;; stands: first write
;; expect: 451 trap stack
;;; items
(type $plain (func)) (table $t 1 funcref) (elem (table $t) (i32.const 0) func $deep) (func $deep (call_indirect $t (type $plain) (i32.const 0)))
;;; write
(call $deep) (global.get $ok)
