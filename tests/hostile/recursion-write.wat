;; A stack overflow in `write`.
;; origin: traps
;; stands: first write
;; expect: 451 trap stack
;;; items
(func $deep (call $deep))
;;; write
(call $deep) (global.get $ok)
