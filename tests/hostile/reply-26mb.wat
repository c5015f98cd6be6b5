;; Refuses with a text of 26 MB.
;; origin: floods
;; stands: first write
;; expect: 451 output trap
;;; write
(drop (memory.grow (i32.const 400))) (call $refuse (i32.const 0) (i32.const 550) @"5.7.1" (i32.const 65536) (i32.const 26000000))
