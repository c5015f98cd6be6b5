;; Counts under a name that would end its label and begin a metric of ours.
;; origin: logs
;; stands: close
;; expect: accept
;;; items
(data (i32.const 32000) "\22} 1\0agatepost_sessions_total 99\0a")
;;; close
(call $count (i32.const 32000) (i32.const 31) (i64.const 1)) (global.get $ok)
