;; Wants to end the process.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:cli/exit@0.2.0
;;; component
(component
  (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func (param "status" u32)))))
)
