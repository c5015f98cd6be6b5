;; Wants the host's environment.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:cli/environment@0.2.0
;;; component
(component
  (import "wasi:cli/environment@0.2.0" (instance (export "get-environment" (func (result (list (tuple string string)))))))
)
