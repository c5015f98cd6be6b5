;; A key and a value one byte past their limits: answers, and nothing is stored.
;; origin: hoards
;; stands: close
;; grants: kv
;; expect: accept
;;; close
(memory.fill (i32.const 70000) (i32.const 107) (i32.const 513))
(call $kv_set (i32.const 70000) (i32.const 513) (i32.const 70000) (i32.const 1) (i32.const 0) (i64.const 0) (i32.const 128))
(if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 1)) (then unreachable))
(call $kv_set @"k" (i32.const 70000) (i32.const 65537) (i32.const 0) (i64.const 0) (i32.const 128))
(if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 1)) (then unreachable)) (global.get $ok)
