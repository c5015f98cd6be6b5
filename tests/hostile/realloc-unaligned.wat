;; The allocator that the host calls gives a list of recipients an address that no list has.
;; origin: floods
;; stands: first write
;; wat: (func $realloc (export "cabi_realloc") => (func $realloc
;; expect: 451 trap
;;; items
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (global.get $provoked) (then (if (i32.gt_u (local.get 2) (i32.const 1)) (then (return (i32.const 65537))))))
  (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
;;; write
(call $recipients (i32.const 128)) (global.get $ok)
