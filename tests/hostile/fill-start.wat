;; `memory.fill` in a loop in the start function.
;; origin: bulk
;; stands: start
;; refused-at-load: CPU
;;; items
(start $begin) (func $begin (drop (memory.grow (i32.const 496)))
(loop $more
  (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896))
  (br $more))
unreachable)
