;; Wants the folders that it was given.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:filesystem/preopens@0.2.6
;;; component
(component
  (import "wasi:filesystem/preopens@0.2.6" (instance (export "get-directories" (func (result u32)))))
)
