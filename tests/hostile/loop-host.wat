;; A loop of calls of the host, each of which hands a string over.
;; origin: loops
;; stands: first write
;; expect: 451 cpu host_calls
;;; write
(loop $more
  (call $id (i32.const 128))
  (global.set $heap (i32.const 65536))
  (br $more))
unreachable
