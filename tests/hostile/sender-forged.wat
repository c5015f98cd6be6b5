;; Edits the sender to more than an address, and traps where that is taken.
;; origin: envelope
;; stands: first write
;; grants: envelope
;; expect: accept
;;; items
(data (i32.const 32000) "a@b.example>\0d\0aRCPT TO:<root@honest.example>")
;;; write
(if (call $set_sender (i32.const 1) (i32.const 32000) (i32.const 44)) (then unreachable)) (global.get $ok)
