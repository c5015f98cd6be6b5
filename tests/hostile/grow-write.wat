;; Takes memory a page at a time in `write` until there is none, then gives up.
;; origin: growth
;; stands: first write
;; stage: cpu_per_message = "2s"
;; expect: 451 memory
;;; write
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
