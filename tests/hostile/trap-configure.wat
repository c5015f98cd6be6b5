;; `unreachable` in `configure`.
;; origin: traps
;; stands: configure
;; refused-at-load: trapped | unreachable
;;; configure
unreachable
