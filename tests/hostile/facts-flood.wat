;; Sets one fact without end.
;; origin: envelope
;; stands: first write
;; expect: 451 cpu host_calls
;;; write
(loop $more (drop (call $set_fact @"x.a" @"v")) (br $more)) unreachable
