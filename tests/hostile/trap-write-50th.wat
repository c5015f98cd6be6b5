;; `unreachable` in `write`, the fiftieth one.
;; origin: traps
;; stands: 50th write
;; message: chunks
;; expect: 451 trap
;;; 50th
unreachable
