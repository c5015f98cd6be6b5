;; A loop in the fiftieth `write`, when bytes have long gone on.
;; origin: loops
;; stands: 50th write
;; message: chunks
;; expect: 451 cpu
;;; 50th
(loop (br 0)) unreachable
