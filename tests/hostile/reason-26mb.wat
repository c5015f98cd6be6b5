;; Quarantines for a reason of 26 MB.
;; origin: floods
;; stands: close
;; expect: 451 output trap
;;; close
(drop (memory.grow (i32.const 400))) (call $quarantine (i32.const 65536) (i32.const 26000000))
