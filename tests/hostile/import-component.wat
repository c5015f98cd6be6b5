;; Wants a component of the host's.
;; origin: imports
;; stands: upload
;; refused-at-load: component imports | other
;;; component
(component
  (import "other" (component (export "run" (func))))
)
