;; Calls an element of a table as what it is not.
;; origin: traps
;; stands: open
;; expect: 451 trap
;;; items
(type $other (func (param i64))) (table $t 1 funcref) (elem (table $t) (i32.const 0) func $nothing) (func $nothing)
;;; open
(call_indirect $t (type $other) (i64.const 0) (i32.const 0)) (global.get $ok)
