;; A loop in the first `write`.
;; origin: loops
;; stands: first write
;; expect: 451 cpu
;;; write
(loop (br 0)) unreachable
