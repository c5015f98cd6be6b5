;; Counts one name without end.
;; origin: logs
;; stands: first write
;; expect: 451 cpu host_calls
;;; write
(loop $more (call $count @"n" (i64.const 1)) (br $more)) unreachable
