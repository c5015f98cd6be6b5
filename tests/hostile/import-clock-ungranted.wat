;; Wants `clock`, which its tenant was not granted.
;; origin: imports
;; stands: upload
;; refused-at-load: needs the grant `clock` | gatepost:processor/clock@0.1.0
;;; open
(drop (call $now_ms)) (global.get $ok)
