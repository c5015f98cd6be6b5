;; A list that begins at the last address.
;; origin: floods
;; stands: close
;; expect: 451 trap
;;; close
(drop (call $next (i32.const -1) (i32.const 1))) (global.get $ok)
