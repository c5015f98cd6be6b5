;; An error result in `write`, the fiftieth one.
;; origin: traps
;; stands: 50th write
;; message: chunks
;; expect: 451 failed
;;; 50th
(call $failed @"no database")
