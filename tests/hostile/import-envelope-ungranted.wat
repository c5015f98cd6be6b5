;; Wants `envelope-edit`, which its tenant was not granted.
;; origin: imports
;; stands: upload
;; refused-at-load: needs the grant `envelope` | gatepost:processor/envelope-edit@0.1.0
;;; open
(drop (call $add_rcpt @"a@b.example")) (global.get $ok)
