;; A slash in two bytes, where one is the only way.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c0\af")
;;; open
(call $emit (i32.const 1) (i32.const 32000) (i32.const 2)) (global.get $ok)
