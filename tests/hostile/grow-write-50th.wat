;; Takes memory a page at a time in the fiftieth `write` until there is none, then gives up.
;; origin: growth
;; stands: 50th write
;; message: chunks
;; stage: cpu_per_message = "2s"
;; expect: 451 memory
;;; 50th
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable
