;; Writes from the allocator that the host calls to hand over a chunk.
;; origin: afterlife
;; stands: first write
;; wat: (func $realloc (export "cabi_realloc") => (func $realloc
;; expect: 451 trap
;;; items
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (global.get $provoked) (then (drop (call $next (i32.const 0) (i32.const 16)))))
  (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
