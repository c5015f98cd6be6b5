;; An error result in `write`.
;; origin: traps
;; stands: first write
;; expect: 451 failed
;;; write
(call $failed @"no database")
