;; Looks at the clock a million times: whole milliseconds, nothing finer to measure a neighbour with.
;; origin: clock
;; stands: first write
;; grants: clock
;; expect: accept or 451 cpu host_calls
;;; write
(local $n i32)
(local.set $n (i32.const 1000000))
(loop $more
  (if (i64.gt_u (call $now_ms) (i64.const 4398046511104)) (then unreachable))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
