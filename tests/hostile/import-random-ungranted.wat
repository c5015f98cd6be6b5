;; Wants `random`, which its tenant was not granted.
;; origin: imports
;; stands: upload
;; refused-at-load: needs the grant `random` | gatepost:processor/random@0.1.0
;;; open
(call $random (i32.const 1) (i32.const 128)) (global.get $ok)
