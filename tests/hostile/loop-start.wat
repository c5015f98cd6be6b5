;; The start function never ends: guest code runs before anything is asked of it.
;; origin: loops
;; stands: start
;; refused-at-load: CPU
;;; items
(start $begin) (func $begin (loop (br 0)))
