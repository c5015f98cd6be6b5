;; `memory.fill` in a loop in `describe`.
;; origin: bulk
;; stands: describe
;; refused-at-load: CPU
;;; describe
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896))
  (br $more))
unreachable
