;; No loop at all: calls that branch in two, 200 deep.
;; origin: loops
;; stands: first write
;; expect: 451 cpu
;;; items
(func $branch (param $depth i32)
  (if (i32.eqz (local.get $depth)) (then (return)))
  (call $branch (i32.sub (local.get $depth) (i32.const 1)))
  (call $branch (i32.sub (local.get $depth) (i32.const 1))))
;;; write
(call $branch (i32.const 200)) (global.get $ok)
