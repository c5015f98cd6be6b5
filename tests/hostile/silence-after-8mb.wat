;; Passes 8 MB, then holds everything back and never lets it go: a message cut by its tenant's own stage, and not a
;; byte of another one.
;; origin: afterlife
;; stands: 50th write
;; message: 9MiB
;; stage: cpu_per_message = "1s"
;; expect: accept
;;; items
(global $seen (mut i32) (i32.const 0))
;;; write
(global.set $seen (i32.add (global.get $seen) (local.get $len)))
(if (i32.gt_u (global.get $seen) (i32.const 8000000)) (then (return (call $replaced))))
(global.get $ok)
