;; Removes every recipient; the last one stays.
;; origin: envelope
;; stands: first write
;; grants: envelope
;; expect: accept
;;; write
(call $recipients (i32.const 128))
(if (call $remove_rcpt (i32.load (i32.load (i32.const 128))) (i32.load offset=4 (i32.load (i32.const 128)))) (then unreachable))
(global.get $ok)
