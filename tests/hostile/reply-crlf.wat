;; Rejects with a text that holds two more replies, an escape and what is not ASCII.
;; origin: replies
;; stands: first write
;; expect: 550 5.7.1
;;; items
(data (i32.const 32000) "no\0d\0a250 2.0.0 Ok\0d\0a354 go on\00\1b[2J\e2\80\a8\c3\a4 end")
;;; write
(call $refuse (i32.const 0) (i32.const 550) @"5.7.1" (i32.const 32000) (i32.const 44))
