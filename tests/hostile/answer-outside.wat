;; An answer that lies outside of memory.
;; origin: floods
;; stands: first write
;; expect: 451 trap
;;; write
(i32.const -4)
