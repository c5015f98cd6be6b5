;; Logs from `describe`, before there is a message to log for.
;; origin: logs
;; stands: describe
;; refused-at-load: log.emit
;;; describe
(call $emit (i32.const 1) @"hello") (call $description)
