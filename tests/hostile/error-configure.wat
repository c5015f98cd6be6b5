;; `configure` refuses every config, for a reason that would clear a terminal and forge a line of ours, with sixty
;; thousand newlines behind it.
;; origin: traps
;; stands: configure
;; refused-at-load: no config will do
;;; items
(data (i32.const 131072) "no config will do\1b[2J\0d\0atenants/honest.toml:1: forged")
;;; configure
(memory.fill (i32.const 131126) (i32.const 10) (i32.const 59946))
(call $misconfigured (i32.const 131072) (i32.const 60000))
