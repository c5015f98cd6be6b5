;; Nothing at all, again and again.
;; origin: floods
;; stands: close
;; expect: 451 cpu host_calls
;;; close
(loop $more (drop (call $next (i32.const 65536) (i32.const 0))) (br $more)) unreachable
