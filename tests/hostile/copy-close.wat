;; `memory.copy` of all the memory in a loop in `close`.
;; origin: bulk
;; stands: close
;; expect: 451 cpu
;;; close
(drop (memory.grow (i32.const 496)))
(loop $more
  (memory.copy (i32.const 65536) (i32.const 131072) (i32.const 33423360))
  (br $more))
unreachable
