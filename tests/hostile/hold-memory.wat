;; Takes 16 MiB, touches every page, and passes everything as slowly as its client sends: a hundred sessions of it
;; hold what they may and no more.
;; origin: hoards
;; stands: open
;; stage: cpu_per_message = "1s"
;; expect: accept
;;; open
(local $at i32)
(if (i32.eq (memory.grow (i32.const 240)) (i32.const -1)) (then unreachable))
(local.set $at (i32.const 65536))
(loop $more
  (i32.store8 (local.get $at) (i32.const 1))
  (local.set $at (i32.add (local.get $at) (i32.const 4096)))
  (br_if $more (i32.lt_u (local.get $at) (i32.const 16777216))))
(global.get $ok)
