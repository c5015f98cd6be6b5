;; Quarantines for a reason of a megabyte.
;; origin: replies
;; stands: close
;; pages: 40
;; expect: quarantine
;;; close
(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000)) (call $quarantine (i32.const 65536) (i32.const 1000000))
