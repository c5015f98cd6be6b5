;; A `refusal` that the interface does not have.
;; origin: encoding
;; stands: 50th write
;; message: chunks
;; expect: 451 trap
;;; 50th
(i32.store8 (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (i32.const 3)) (i32.const 64)
