;; Says that it failed, in a megabyte of newlines.
;; origin: replies
;; stands: close
;; pages: 40
;; expect: 451 failed
;;; close
(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000)) (call $failed (i32.const 65536) (i32.const 1000000))
