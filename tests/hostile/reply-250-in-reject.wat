;; Rejects with 250.
;; origin: replies
;; stands: first write
;; expect: 451 reply
;;; write
(call $refuse (i32.const 0) (i32.const 250) @"2.0.0" @"text")
