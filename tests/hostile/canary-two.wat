;; As `canary-one`, for another tenant: what one leaves the other looks for.
;; origin: canaries
;; stands: first write
;; stage: cpu_per_message = "2s"
;; pages: 20
;; expect: accept
;;; items
(data (i32.const 32000) "gatepost")
(global $canary (mut i64) (i64.const 0))
(global $mark (mut i32) (i32.const 0))
(table $t 64 funcref)
(elem declare func $found)
;; Whether anything of an earlier instance is here: in memory, in globals, in a table.
(func $found (result i32) (local $at i32)
  (global.set $canary (i64.load (i32.const 32000)))
  (if (global.get $mark) (then (return (i32.const 1))))
  (local.set $at (i32.const 0))
  (loop $more
    (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (return (i32.const 1))))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 64))))
  (if (i32.eq (memory.grow (i32.const 80)) (i32.const -1)) (then unreachable))
  (local.set $at (i32.const 131072))
  (loop $more
    (if (i64.eq (i64.load (local.get $at)) (global.get $canary)) (then (return (i32.const 1))))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 6291456))))
  (i32.const 0))
;; Leaves the canary everywhere.
(func $plant (local $at i32)
  (global.set $mark (i32.const 1))
  (table.fill $t (i32.const 0) (ref.func $found) (i32.const 64))
  (local.set $at (i32.const 131072))
  (loop $more
    (i64.store (local.get $at) (global.get $canary))
    (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 6291456)))))
(global $looked (mut i32) (i32.const 0))
;;; write
(if (global.get $looked) (then (return (global.get $ok))))
(global.set $looked (i32.const 1))
(if (call $found) (then unreachable)) (call $plant) (global.get $ok)
