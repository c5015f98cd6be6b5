;; Says that it failed, in 26 MB.
;; origin: floods
;; stands: open
;; expect: 451 output trap
;;; open
(drop (memory.grow (i32.const 400))) (call $failed (i32.const 65536) (i32.const 26000000))
