;; A thousand records of 4 KB, all newlines.
;; origin: logs
;; stands: open
;; stage: cpu_per_message = "2s"
;; expect: accept
;;; items
(func $once (call $emit (i32.const 2) (i32.const 70000) (i32.const 4096)))
;;; open
(local $n i32) (memory.fill (i32.const 70000) (i32.const 10) (i32.const 4096))
(local.set $n (i32.const 1000))
(loop $more
  (call $once)
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
