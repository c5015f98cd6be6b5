;; Counts under a hundred thousand names.
;; origin: logs
;; stands: first write
;; expect: accept or 451 cpu host_calls
;;; items
(data (i32.const 32000) "label-00000")
;;; write
(local $n i32)
(local.set $n (i32.const 100000))
(loop $more
  (i32.store8 (i32.const 32006) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
  (i32.store8 (i32.const 32007) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
  (i32.store8 (i32.const 32008) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 8)) (i32.const 15))))
  (i32.store8 (i32.const 32009) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 12)) (i32.const 15))))
  (i32.store8 (i32.const 32010) (i32.add (i32.const 97) (i32.shr_u (local.get $n) (i32.const 16))))
  (call $count (i32.const 32000) (i32.const 11) (i64.const 1))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
