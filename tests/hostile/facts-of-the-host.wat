;; Says who the client is, and traps where that is taken.
;; origin: envelope
;; stands: open
;; expect: accept
;;; open
(if (call $set_fact @"client.ip" @"127.0.0.9") (then unreachable)) (if (call $set_fact @"auth.user" @"root") (then unreachable)) (global.get $ok)
