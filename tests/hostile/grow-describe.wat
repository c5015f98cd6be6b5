;; A memory bomb in `describe`.
;; origin: growth
;; stands: describe
;; refused-at-load: memory
;;; describe
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
