;; Defers with 421, which would end the session.
;; origin: replies
;; stands: close
;; expect: 451 reply
;;; close
(call $refuse (i32.const 1) (i32.const 421) @"4.7.1" @"text")
