;; Wants an interface of ours that there is not.
;; origin: imports
;; stands: upload
;; refused-at-load: gatepost:processor/vault@0.1.0
;;; component
(component
  (import "gatepost:processor/vault@0.1.0" (instance (export "open" (func))))
)
