;; Sixteen bytes again and again, until the host says no.
;; origin: floods
;; stands: first write
;; stage: cpu_per_message = "2s"
;; expect: 451 output
;;; write
(loop $more (br_if $more (call $next (i32.const 65536) (i32.const 16)))) (call $replaced)
