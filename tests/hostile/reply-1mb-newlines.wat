;; Rejects with a megabyte of newlines.
;; origin: replies
;; stands: first write
;; pages: 40
;; expect: 554 5.6.0
;;; write
(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000))
(call $refuse (i32.const 0) (i32.const 554) @"5.6.0" (i32.const 65536) (i32.const 1000000))
