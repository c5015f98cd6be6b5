;; Looks in every message, honest ones included, for what its own earlier instances left.
;; origin: canaries
;; stands: open, close
;; wat: (func $open (result i32)  => (func $open (result i32) (call $look) 
;; expect: accept
;;; items
(global $n (mut i32) (i32.const 0)) (table $t 4 funcref) (elem declare func $one) (func $one)
(func $look
  (if (global.get $n) (then unreachable))
  (if (i32.eqz (ref.is_null (table.get $t (i32.const 1)))) (then unreachable))
  (if (i32.load (i32.const 33000)) (then unreachable))
  (global.set $n (i32.const 1))
  (table.set $t (i32.const 1) (ref.func $one))
  (i32.store (i32.const 33000) (i32.const 1)))
