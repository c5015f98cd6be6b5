;; Wants `kv`, which its tenant was not granted.
;; origin: imports
;; stands: upload
;; refused-at-load: needs the grant `kv` | gatepost:processor/kv@0.1.0
;;; open
(call $kv_get @"k" (i32.const 128)) (global.get $ok)
