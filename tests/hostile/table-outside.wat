;; Sets an element that the table does not have.
;; origin: traps
;; stands: close
;; expect: 451 trap
;;; items
(table $t 4 funcref)
;;; close
(table.set $t (i32.const 4) (ref.null func)) (global.get $ok)
