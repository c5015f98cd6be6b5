;; The allocator that the host calls to hand over a chunk calls itself.
;; origin: growth
;; stands: first write
;; wat: (func $realloc (export "cabi_realloc") => (func $realloc
;; expect: 451 trap stack
;;; items
(func $deep (call $deep))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (global.get $provoked) (then (call $deep)))
  (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
