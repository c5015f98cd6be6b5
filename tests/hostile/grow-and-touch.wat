;; Takes all the memory it may have and touches every page of it, which is its right: the pool must take it back.
;; origin: growth
;; stands: open
;; stage: cpu_per_message = "1s"
;; expect: accept
;;; open
(local $at i32)
(if (i32.eq (memory.grow (i32.const 496)) (i32.const -1)) (then unreachable))
(local.set $at (i32.const 65536))
(loop $more
  (i32.store8 (local.get $at) (i32.const 1))
  (local.set $at (i32.add (local.get $at) (i32.const 4096)))
  (br_if $more (i32.lt_u (local.get $at) (i32.const 33554432))))
(global.get $ok)
