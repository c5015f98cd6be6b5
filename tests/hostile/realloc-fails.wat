;; The allocator that the host calls traps.
;; origin: floods
;; stands: first write
;; wat: (func $realloc (export "cabi_realloc") => (func $realloc
;; expect: 451 trap
;;; items
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (global.get $provoked) (then unreachable))
  (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
