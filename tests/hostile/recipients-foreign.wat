;; Adds a recipient of another tenant, and traps where that is taken.
;; origin: envelope
;; stands: open
;; grants: envelope
;; expect: accept
;;; open
(if (call $add_rcpt @"one@honest.example") (then unreachable)) (global.get $ok)
