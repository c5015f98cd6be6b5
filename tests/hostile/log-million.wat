;; A million records of 4 KB.
;; origin: logs
;; stands: close
;; expect: accept or 451 cpu host_calls
;;; close
(local $n i32)
(local.set $n (i32.const 1000000))
(loop $more
  (call $emit (i32.const 1) (i32.const 70000) (i32.const 4096))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
