;; Wants to open connections.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:sockets/tcp-create-socket@0.2.0
;;; component
(component
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance (export "create-tcp-socket" (func (result u32)))))
)
