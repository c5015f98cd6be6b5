;; Wants our own log in a version that there never was.
;; origin: imports
;; stands: upload
;; refused-at-load: gatepost:processor/log@0.0.9
;;; component
(component
  (import "gatepost:processor/log@0.0.9" (instance (export "emit" (func (param "text" string)))))
)
