;; A list of 26 MB that memory does hold.
;; origin: floods
;; stands: first write
;; expect: 451 output
;;; write
(drop (memory.grow (i32.const 400))) (drop (call $next (i32.const 65536) (i32.const 26000000))) (call $replaced)
