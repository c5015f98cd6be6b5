;; A stack overflow in `close`.
;; origin: traps
;; stands: close
;; expect: 451 trap stack
;;; items
(func $deep (call $deep))
;;; close
(call $deep) (global.get $ok)
