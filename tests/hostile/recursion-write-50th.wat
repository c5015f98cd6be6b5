;; A stack overflow in `write`, the fiftieth one.
;; origin: traps
;; stands: 50th write
;; message: chunks
;; expect: 451 trap stack
;;; items
(func $deep (call $deep))
;;; 50th
(call $deep) (global.get $ok)
