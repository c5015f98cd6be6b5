;; Defers with a text that holds two more replies.
;; origin: replies
;; stands: open
;; expect: 450 4.7.1
;;; items
(data (i32.const 32000) "no\0d\0a250 2.0.0 Ok\0d\0a354 go on\00\1b[2J\e2\80\a8\c3\a4 end")
;;; open
(call $refuse (i32.const 1) (i32.const 450) @"4.7.1" (i32.const 32000) (i32.const 28))
