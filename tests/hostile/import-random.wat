;; Wants the host's randomness without a grant.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:random/random@0.2.0
;;; component
(component
  (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))
)
