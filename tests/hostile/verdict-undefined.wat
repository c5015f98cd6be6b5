;; A `verdict` that the interface does not have.
;; origin: encoding
;; stands: close
;; expect: 451 trap
;;; close
(i32.store8 (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (i32.const 255)) (i32.const 64)
