;; `unreachable` in what a language runs at its start.
;; origin: traps
;; stands: initialisation
;; refused-at-load: trapped | unreachable
;;; items
(func (export "_initialize") unreachable)
