;; A loop in `open`.
;; origin: loops
;; stands: open
;; expect: 451 cpu
;;; open
(loop (br 0)) unreachable
