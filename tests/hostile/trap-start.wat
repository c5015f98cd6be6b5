;; `unreachable` in the start function.
;; origin: traps
;; stands: start
;; refused-at-load: trapped | unreachable
;;; items
(start $begin) (func $begin unreachable)
