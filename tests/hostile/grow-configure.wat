;; A memory bomb in `configure`.
;; origin: growth
;; stands: configure
;; refused-at-load: memory
;;; configure
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
