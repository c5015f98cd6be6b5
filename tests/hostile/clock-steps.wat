;; Looks at the clock twenty thousand times and traps where it steps by less than a whole millisecond, which would be
;; a number that is no time in milliseconds.
;; origin: clock
;; stands: open
;; grants: clock
;; stage: cpu_per_message = "2s"
;; expect: accept
;;; open
(local $n i32) (local $steps i32) (local $was i64) (local $now i64) (local $first i64)
(local.set $first (call $now_ms))
(local.set $was (local.get $first))
(local.set $n (i32.const 20000))
(loop $more
  (local.set $now (call $now_ms))
  (if (i64.ne (local.get $now) (local.get $was)) (then (local.set $steps (i32.add (local.get $steps) (i32.const 1)))))
  (local.set $was (local.get $now))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
;; As many steps as milliseconds have gone by, or fewer where the guest was off its core.
(if (i64.gt_s (i64.extend_i32_u (local.get $steps)) (i64.sub (local.get $now) (local.get $first))) (then unreachable))
(global.get $ok)
