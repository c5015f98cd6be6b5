;; A memory shared between threads.
;; origin: growth
;; stands: upload
;; refused-at-load: shared | threads
;;; items
(memory 1 1 shared)
