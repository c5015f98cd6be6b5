;; Adds five thousand recipients of its tenant's own domain.
;; origin: envelope
;; stands: open
;; grants: envelope
;; expect: accept or 451 cpu host_calls
;;; open
(local $n i32) (local $address i32) (local $len i32)
(call $recipients (i32.const 128))
(local.set $address (i32.load (i32.load (i32.const 128))))
(local.set $len (i32.load offset=4 (i32.load (i32.const 128))))
(memory.copy (i32.const 40003) (local.get $address) (local.get $len))
(local.set $n (i32.const 4095))
(loop $more
  (i32.store8 (i32.const 40000) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
  (i32.store8 (i32.const 40001) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
  (i32.store8 (i32.const 40002) (i32.add (i32.const 97) (i32.shr_u (local.get $n) (i32.const 8))))
  (drop (call $add_rcpt (i32.const 40000) (i32.add (local.get $len) (i32.const 3))))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
