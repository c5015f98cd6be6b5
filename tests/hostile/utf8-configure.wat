;; `configure` refuses in no UTF-8.
;; origin: encoding
;; stands: configure
;; refused-at-load: configure
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; configure
(call $misconfigured (i32.const 32000) (i32.const 4))
