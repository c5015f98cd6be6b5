;; A load from outside of memory in `write`, the fiftieth one.
;; origin: traps
;; stands: 50th write
;; message: chunks
;; expect: 451 trap
;;; 50th
(i32.load (i32.const -4))
