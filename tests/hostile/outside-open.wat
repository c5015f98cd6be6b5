;; A load from outside of memory in `open`.
;; origin: traps
;; stands: open
;; expect: 451 trap
;;; open
(i32.load (i32.const -4))
