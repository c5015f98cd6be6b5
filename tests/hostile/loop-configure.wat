;; `configure` never answers, as it would not for each message.
;; origin: loops
;; stands: configure
;; refused-at-load: CPU
;;; configure
(loop (br 0)) unreachable
