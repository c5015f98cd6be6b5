;; The longest key and the largest value that there may be: its right.
;; origin: hoards
;; stands: open
;; grants: kv
;; expect: accept
;;; open
(memory.fill (i32.const 70000) (i32.const 107) (i32.const 512))
(call $kv_set (i32.const 70000) (i32.const 512) (i32.const 70000) (i32.const 65536) (i32.const 0) (i64.const 0) (i32.const 128))
(if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 0)) (then unreachable)) (global.get $ok)
