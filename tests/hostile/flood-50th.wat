;; Honest for 49 writes, then a flood.
;; origin: floods
;; stands: 50th write
;; message: chunks
;; stage: cpu_per_message = "2s"
;; expect: 451 output
;;; 50th
(loop $more (br_if $more (call $next (i32.const 65536) (i32.const 65536)))) (call $replaced)
