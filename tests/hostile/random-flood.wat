;; Draws 64 KiB of random bytes without end.
;; origin: envelope
;; stands: first write
;; grants: random
;; expect: 451 cpu host_calls
;;; write
(loop $more (call $random (i32.const 65536) (i32.const 128)) (global.set $heap (i32.const 65536)) (br $more)) unreachable
