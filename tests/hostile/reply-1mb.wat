;; Rejects with a text of a megabyte.
;; origin: replies
;; stands: close
;; pages: 40
;; expect: 550 5.7.1
;;; close
(memory.fill (i32.const 65536) (i32.const 120) (i32.const 1000000))
(call $refuse (i32.const 0) (i32.const 550) @"5.7.1" (i32.const 65536) (i32.const 1000000))
