;; Wants a function that belongs to no interface.
;; origin: imports
;; stands: upload
;; refused-at-load: system
;;; component
(component
  (import "system" (func (param "command" string) (result u32)))
)
