;; Asks for all that 32 bits can address, and gives up.
;; origin: growth
;; stands: open
;; stage: cpu_per_message = "2s"
;; expect: 451 memory
;;; open
(if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then unreachable)) (global.get $ok)
