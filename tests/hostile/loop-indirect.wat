;; A loop of calls through a table.
;; origin: loops
;; stands: close
;; expect: 451 cpu
;;; items
(type $plain (func)) (table $t 1 funcref) (elem (table $t) (i32.const 0) func $nothing) (func $nothing)
;;; close
(loop $more (call_indirect $t (type $plain) (i32.const 0)) (br $more)) unreachable
