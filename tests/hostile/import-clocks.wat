;; Wants a clock of nanoseconds.
;; origin: imports
;; stands: upload
;; refused-at-load: wasi:clocks/monotonic-clock@0.2.0
;;; component
(component
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64)))))
)
