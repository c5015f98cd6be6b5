;; Sixteen bytes again and again, and the host's no is not heard.
;; origin: floods
;; stands: first write
;; expect: 451 output cpu host_calls
;;; write
(loop $more (drop (call $next (i32.const 65536) (i32.const 16))) (br $more)) unreachable
