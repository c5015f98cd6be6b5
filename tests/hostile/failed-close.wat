;; An error result in `close`.
;; origin: traps
;; stands: close
;; expect: 451 failed
;;; close
(call $failed @"no database")
