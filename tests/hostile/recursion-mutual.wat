;; Two functions that call each other.
;; origin: growth
;; stands: first write
;; expect: 451 trap stack
;;; items
(func $deep (call $deeper)) (func $deeper (call $deep))
;;; write
(call $deep) (global.get $ok)
