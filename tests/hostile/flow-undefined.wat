;; A `flow` that the interface does not have.
;; origin: encoding
;; stands: first write
;; expect: 451 trap
;;; write
(i32.store8 (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (i32.const 4)) (i32.const 64)
