;; What a language runs at its start never ends.
;; origin: loops
;; stands: initialisation
;; refused-at-load: CPU
;;; items
(func (export "_initialize") (loop (br 0)))
