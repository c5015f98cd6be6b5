;; Counts the largest number there is, again and again.
;; origin: logs
;; stands: first write
;; expect: accept
;;; write
(local $n i32)
(local.set $n (i32.const 50))
(loop $more
  (call $count @"n" (i64.const -1))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
