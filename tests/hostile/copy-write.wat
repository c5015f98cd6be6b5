;; `memory.copy` of half the memory onto itself, a byte further, in a loop.
;; origin: bulk
;; stands: first write
;; expect: 451 cpu
;;; write
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.copy (i32.const 65537) (i32.const 65536) (i32.const 33488895))
  (br $more))
unreachable
