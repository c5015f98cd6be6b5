;; `unreachable` in `close`.
;; origin: traps
;; stands: close
;; expect: 451 trap
;;; close
unreachable
