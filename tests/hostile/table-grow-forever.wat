;; Goes on asking for table elements that it does not get.
;; origin: growth
;; stands: first write
;; expect: 451 cpu table
;;; items
(table $t 1 funcref)
;;; write
(loop $more (drop (table.grow $t (ref.null func) (i32.const 1))) (br $more)) unreachable
