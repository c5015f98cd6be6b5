;; `unreachable` in `describe`.
;; origin: traps
;; stands: describe
;; refused-at-load: trapped | unreachable
;;; describe
unreachable
