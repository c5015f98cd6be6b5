;; Wants what the host itself does.
;; origin: imports
;; stands: upload
;; refused-at-load: gatepost:host/admin@0.1.0
;;; component
(component
  (import "gatepost:host/admin@0.1.0" (instance (export "reload" (func))))
)
