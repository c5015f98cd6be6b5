;; `memory.fill` of all the memory there may be, in a loop in the fiftieth `write`.
;; origin: bulk
;; stands: 50th write
;; message: chunks
;; expect: 451 cpu
;;; 50th
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896))
  (br $more))
unreachable
