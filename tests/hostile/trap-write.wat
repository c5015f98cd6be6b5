;; `unreachable` in `write`.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; write
unreachable
