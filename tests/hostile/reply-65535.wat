;; Rejects with a code of five digits.
;; origin: replies
;; stands: first write
;; expect: 451 reply
;;; write
(call $refuse (i32.const 0) (i32.const 65535) (i32.const 0) (i32.const 0) @"text")
