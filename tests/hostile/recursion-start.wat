;; A stack overflow in the start function.
;; origin: traps
;; stands: start
;; refused-at-load: stack
;;; items
(start $deep) (func $deep (call $deep))
