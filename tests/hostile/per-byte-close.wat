;; More than a megabyte out after the last byte has come in.
;; origin: floods
;; stands: close
;; pages: 40
;; expect: 451 output
;;; close
(drop (call $next (i32.const 0) (i32.const 1048577))) (global.get $ok)
