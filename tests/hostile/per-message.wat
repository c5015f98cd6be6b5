;; Each call stays below what it may write, all of them together do not: `open` has the message's megabyte, `close`
;; takes it again.
;; origin: floods
;; stands: close
;; pages: 40
;; expect: 451 output
;;; open
(drop (call $next (i32.const 0) (i32.const 1048576))) (global.get $ok)
;;; close
(drop (call $next (i32.const 0) (i32.const 1048576))) (global.get $ok)
