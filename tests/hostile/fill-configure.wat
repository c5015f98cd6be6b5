;; `memory.fill` in a loop in `configure`.
;; origin: bulk
;; stands: configure
;; refused-at-load: CPU
;;; configure
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896))
  (br $more))
unreachable
