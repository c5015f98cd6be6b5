;; `configure` refuses with a text of 26 MB.
;; origin: floods
;; stands: configure
;; refused-at-load: configure
;;; configure
(drop (memory.grow (i32.const 400))) (call $misconfigured (i32.const 65536) (i32.const 26000000))
