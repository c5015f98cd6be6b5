;; Takes memory a page at a time in `close` until there is none, then gives up.
;; origin: growth
;; stands: close
;; stage: cpu_per_message = "2s"
;; expect: 451 memory
;;; close
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
