;; Draws 4 GiB of random bytes at once.
;; origin: envelope
;; stands: close
;; grants: random
;; expect: 451 trap
;;; close
(call $random (i32.const -1) (i32.const 128)) (global.get $ok)
