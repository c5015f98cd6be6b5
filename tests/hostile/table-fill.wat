;; `table.fill` of a large table in a loop.
;; origin: bulk
;; stands: first write
;; expect: 451 cpu
;;; items
(table $t 4000 funcref)
;;; write
(loop $more
  (table.fill $t (i32.const 0) (ref.null func) (i32.const 4000))
  (br $more))
unreachable
