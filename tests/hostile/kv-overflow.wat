;; Adds until no number is large enough.
;; origin: hoards
;; stands: open
;; grants: kv
;; expect: accept
;;; open
(call $kv_add @"sum" (i64.const 0x7fffffffffffffff) (i32.const 0) (i64.const 0) (i32.const 128)) (call $kv_add @"sum" (i64.const 0x7fffffffffffffff) (i32.const 0) (i64.const 0) (i32.const 128)) (global.get $ok)
