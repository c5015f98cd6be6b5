;; Counts under sixteen names that are others in each message: a series for each of them would never end.
;; origin: logs
;; stands: open
;; expect: accept
;;; open
(local $n i32)
(call $id (i32.const 128))
(local.set $n (i32.const 16))
(loop $more
  (i32.store8 (i32.load (i32.const 128)) (i32.add (i32.const 64) (local.get $n)))
  (call $count (i32.load (i32.const 128)) (i32.load (i32.const 132)) (i64.const 1))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
