;; A stack overflow in `open`.
;; origin: traps
;; stands: open
;; expect: 451 trap stack
;;; items
(func $deep (call $deep))
;;; open
(call $deep) (global.get $ok)
