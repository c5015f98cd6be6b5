;; `describe` never answers.
;; origin: loops
;; stands: describe
;; refused-at-load: CPU
;;; describe
(loop (br 0)) unreachable
