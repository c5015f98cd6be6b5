;; Sets a fact to a megabyte, and traps where that is taken.
;; origin: envelope
;; stands: close
;; pages: 40
;; expect: accept
;;; close
(if (call $set_fact @"x.a" (i32.const 65536) (i32.const 1000000)) (then unreachable)) (global.get $ok)
