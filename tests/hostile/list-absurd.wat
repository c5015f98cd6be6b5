;; A list that says it has 0xFFFFFFFF bytes.
;; origin: floods
;; stands: first write
;; expect: 451 trap
;;; write
(drop (call $next (i32.const 65536) (i32.const -1))) (call $replaced)
