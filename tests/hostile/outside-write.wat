;; A load from outside of memory in `write`.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; write
(i32.load (i32.const -4))
