;; Rejects with an enhanced code of a megabyte.
;; origin: replies
;; stands: first write
;; pages: 40
;; expect: 451 reply output
;;; write
(call $refuse (i32.const 0) (i32.const 550) (i32.const 65536) (i32.const 1000000) @"text")
