;; A memory bomb in the start function.
;; origin: growth
;; stands: start
;; refused-at-load: memory
;;; items
(start $begin) (func $begin (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable)
