;; A loop in `close`, when all bytes have gone on.
;; origin: loops
;; stands: close
;; expect: 451 cpu
;;; close
(loop (br 0)) unreachable
