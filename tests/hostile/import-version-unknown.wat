;; Wants our own log in a version that there is not.
;; origin: imports
;; stands: upload
;; refused-at-load: gatepost:processor/log@0.2.0
;;; component
(component
  (import "gatepost:processor/log@0.2.0" (instance (export "emit" (func (param "text" string)))))
)
