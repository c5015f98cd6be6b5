;; The name of a fact, 26 MB long.
;; origin: floods
;; stands: open
;; expect: 451 output trap
;;; open
(drop (memory.grow (i32.const 400))) (call $fact (i32.const 65536) (i32.const 26000000) (i32.const 128)) (global.get $ok)
