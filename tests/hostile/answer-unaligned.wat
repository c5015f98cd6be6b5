;; An answer at an address that no answer has.
;; origin: floods
;; stands: open
;; expect: 451 trap
;;; open
(i32.const 66)
