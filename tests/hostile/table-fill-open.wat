;; `table.fill` of a large table with functions, in a loop in `open`.
;; origin: bulk
;; stands: open
;; expect: 451 cpu
;;; items
(table $t 4000 funcref) (elem declare func $open)
;;; open
(loop $more
  (table.fill $t (i32.const 0) (ref.func $open) (i32.const 4000))
  (br $more))
unreachable
