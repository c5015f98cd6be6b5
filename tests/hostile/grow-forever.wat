;; Goes on asking for memory that it does not get.
;; origin: growth
;; stands: first write
;; expect: 451 cpu memory
;;; write
(loop $more (drop (memory.grow (i32.const 1))) (br $more)) unreachable
