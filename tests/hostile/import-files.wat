;; Wants to open files.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:filesystem/types@0.2.0
;;; component
(component
  (import "wasi:filesystem/types@0.2.0" (instance (export "filesystem-error-code" (func (result u32)))))
)
