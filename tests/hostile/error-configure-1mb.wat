;; `configure` refuses with a megabyte of newlines and escapes.
;; origin: traps
;; stands: configure
;; pages: 32
;; refused-at-load: configure
;;; configure
(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000))
(i32.store8 (i32.const 65537) (i32.const 27))
(call $misconfigured (i32.const 65536) (i32.const 1000000))
