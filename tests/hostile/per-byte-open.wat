;; More than a megabyte out before a byte has come in.
;; origin: floods
;; stands: open
;; pages: 40
;; expect: 451 output
;;; open
(drop (call $next (i32.const 0) (i32.const 1048577))) (global.get $ok)
