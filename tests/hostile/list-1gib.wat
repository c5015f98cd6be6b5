;; A list of 1 GiB that memory does not hold.
;; origin: floods
;; stands: open
;; expect: 451 trap output
;;; open
(drop (call $next (i32.const 65536) (i32.const 0x40000000))) (global.get $ok)
