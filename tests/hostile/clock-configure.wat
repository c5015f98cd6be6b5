;; Looks at the clock before there is a message.
;; origin: clock
;; stands: configure
;; grants: clock
;; refused-at-load: clock.now-ms | gatepost:processor/clock@0.1.0
;;; configure
(drop (call $now_ms)) (global.get $ok)
