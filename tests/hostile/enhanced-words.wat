;; Rejects with an enhanced code that goes on.
;; origin: replies
;; stands: first write
;; expect: 451 reply
;;; write
(call $refuse (i32.const 0) (i32.const 550) @"5.7.1 no; 250" @"text")
