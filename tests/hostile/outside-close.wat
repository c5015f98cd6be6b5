;; A load from outside of memory in `close`.
;; origin: traps
;; stands: close
;; expect: 451 trap
;;; close
(i32.load (i32.const -4))
