;; Calls an element of a table that holds nothing.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; items
(type $plain (func)) (table $t 1 funcref)
;;; write
(call_indirect $t (type $plain) (i32.const 0)) (global.get $ok)
