;; Wants a core module of the host's.
;; origin: imports
;; stands: upload
;; refused-at-load: libc | types of modules
;;; component
(component
  (import "libc" (core module (export "malloc" (func (param i32) (result i32)))))
)
