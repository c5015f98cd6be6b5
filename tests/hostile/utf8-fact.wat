;; A fact whose value is no UTF-8.
;; origin: encoding
;; stands: close
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; close
(drop (call $set_fact @"x.a" (i32.const 32000) (i32.const 4))) (global.get $ok)
