;; An error result in `open`.
;; origin: traps
;; stands: open
;; expect: 451 failed
;;; open
(call $failed @"no database")
