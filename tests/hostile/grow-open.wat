;; Takes memory a page at a time in `open` until there is none, then gives up.
;; origin: growth
;; stands: open
;; stage: cpu_per_message = "2s"
;; expect: 451 memory
;;; open
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
