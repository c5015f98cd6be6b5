;; A gigabyte for the key-value space, in values of 64 KiB.
;; origin: hoards
;; stands: open
;; grants: kv
;; stage: cpu_per_message = "2s"
;; expect: accept or 451 cpu host_calls
;;; items
(data (i32.const 32000) "fill-00000")
;;; open
(local $n i32)
(local.set $n (i32.const 16384))
(loop $more
  (i32.store8 (i32.const 32005) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
  (i32.store8 (i32.const 32006) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
  (i32.store8 (i32.const 32007) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 8)) (i32.const 15))))
  (i32.store8 (i32.const 32008) (i32.add (i32.const 97) (i32.shr_u (local.get $n) (i32.const 12))))
  (call $kv_set (i32.const 32000) (i32.const 10) (i32.const 70000) (i32.const 65536) (i32.const 0) (i64.const 0) (i32.const 128))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
