;; Wants to write to the host's own output.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:cli/stdout@0.2.0
;;; component
(component
  (import "wasi:cli/stdout@0.2.0" (instance (export "get-stdout" (func (result u32)))))
)
