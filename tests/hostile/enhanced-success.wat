;; Defers with an enhanced code that says that all is well.
;; origin: replies
;; stands: first write
;; expect: 451 reply
;;; write
(call $refuse (i32.const 1) (i32.const 450) @"2.0.0" @"text")
