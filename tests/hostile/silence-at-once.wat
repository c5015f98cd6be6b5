;; Holds everything back and never lets it go: the message is empty, and not a byte of another one.
;; origin: afterlife
;; stands: first write
;; expect: accept
;;; write
(call $replaced)
