;; A `memory.fill` that begins within memory and ends outside.
;; origin: traps
;; stands: first write
;; expect: 451 trap
;;; write
(memory.fill (i32.const 65536) (i32.const 0) (i32.const -1)) (global.get $ok)
