;; More than a megabyte out for each `write`: a byte past what one call may.
;; origin: floods
;; stands: first write
;; pages: 40
;; expect: 451 output
;;; write
(drop (call $next (i32.const 0) (i32.add (i32.const 1048577) (i32.mul (local.get $len) (i32.const 4))))) (call $replaced)
