;; A lone surrogate in a reply.
;; origin: encoding
;; stands: open
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\ed\a0\80")
;;; open
(call $refuse (i32.const 1) (i32.const 450) @"4.7.1" (i32.const 32000) (i32.const 3))
