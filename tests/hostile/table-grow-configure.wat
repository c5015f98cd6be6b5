;; A table bomb in `configure`.
;; origin: growth
;; stands: configure
;; refused-at-load: table | trapped
;;; items
(table $t 1 funcref)
;;; configure
(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 64)) (i32.const -1)))) unreachable
