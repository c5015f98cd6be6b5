;; Rejects with a code that says to try again.
;; origin: replies
;; stands: first write
;; expect: 451 reply
;;; write
(call $refuse (i32.const 0) (i32.const 450) @"4.7.1" @"text")
