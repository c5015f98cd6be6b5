;; Logs from `configure`, before there is a message to log for.
;; origin: logs
;; stands: configure
;; refused-at-load: log.emit
;;; configure
(call $emit (i32.const 1) @"hello") (global.get $ok)
