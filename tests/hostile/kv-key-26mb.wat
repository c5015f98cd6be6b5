;; A key of 26 MB.
;; origin: hoards
;; stands: first write
;; grants: kv
;; expect: 451 output trap
;;; write
(drop (memory.grow (i32.const 400))) (call $kv_get (i32.const 65536) (i32.const 26000000) (i32.const 128)) (global.get $ok)
