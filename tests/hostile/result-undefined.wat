;; A result that is neither ok nor an error.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; open
(i32.store8 (i32.const 64) (i32.const 2)) (i32.store (i32.const 68) (i32.const 0)) (i32.const 64)
