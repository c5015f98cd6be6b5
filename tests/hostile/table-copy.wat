;; `table.copy` of a large table onto itself in a loop.
;; origin: bulk
;; stands: close
;; expect: 451 cpu
;;; items
(table $t 4000 funcref)
;;; close
(loop $more
  (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 3999))
  (br $more))
unreachable
