;; Defers with a code that says never to try again.
;; origin: replies
;; stands: open
;; expect: 451 reply
;;; open
(call $refuse (i32.const 1) (i32.const 550) @"5.7.1" @"text")
