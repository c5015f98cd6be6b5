;; Asks the key-value space without end.
;; origin: hoards
;; stands: first write
;; grants: kv
;; expect: 451 cpu host_calls
;;; write
(loop $more (call $kv_get @"k" (i32.const 128)) (global.set $heap (i32.const 65536)) (br $more)) unreachable
