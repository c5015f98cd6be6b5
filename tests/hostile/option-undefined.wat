;; An enhanced code that is neither there nor not.
;; origin: encoding
;; stands: first write
;; expect: 451 trap
;;; write
(drop (call $refuse (i32.const 0) (i32.const 550) @"5.7.1" @"text")) (i32.store8 (i32.const 76) (i32.const 2)) (i32.const 64)
