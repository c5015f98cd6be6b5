;; A million empty records.
;; origin: logs
;; stands: first write
;; expect: accept or 451 cpu host_calls
;;; write
(local $n i32)
(local.set $n (i32.const 1000000))
(loop $more
  (call $emit (i32.const 0) (i32.const 0) (i32.const 0))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
