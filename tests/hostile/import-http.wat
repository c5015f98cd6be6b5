;; Wants to send requests.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:http/outgoing-handler@0.2.0
;;; component
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func (param "request" u32) (result u32)))))
)
