;; `memory.fill` of all the memory there may be, in a loop in `close`: an epoch ends it only between two fills.
;; origin: bulk
;; stands: close
;; expect: 451 cpu
;;; close
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896))
  (br $more))
unreachable
