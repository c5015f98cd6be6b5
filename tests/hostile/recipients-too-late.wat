;; Adds a recipient when bytes have gone on, and traps where that is taken.
;; origin: envelope
;; stands: close
;; grants: envelope
;; expect: accept
;;; close
(call $recipients (i32.const 128))
(i32.store8 (i32.load (i32.load (i32.const 128))) (i32.const 120))
(if (call $add_rcpt (i32.load (i32.load (i32.const 128))) (i32.load offset=4 (i32.load (i32.const 128)))) (then unreachable))
(global.get $ok)
