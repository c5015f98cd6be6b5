;; Takes table elements in `open` until there are none, then gives up.
;; origin: growth
;; stands: open
;; stage: cpu_per_message = "2s"
;; expect: 451 table
;;; items
(table $t 1 funcref)
;;; open
(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 64)) (i32.const -1)))) unreachable
