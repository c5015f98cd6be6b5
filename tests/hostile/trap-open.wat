;; `unreachable` in `open`.
;; origin: traps
;; stands: open
;; expect: 451 trap
;;; open
unreachable
