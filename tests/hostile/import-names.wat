;; Wants to look names up.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:sockets/ip-name-lookup@0.2.0
;;; component
(component
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance (export "resolve-addresses" (func (param "name" string) (result u32)))))
)
