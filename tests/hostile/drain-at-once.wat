;; Drains at the first byte, and traps where it is called again but for `close`.
;; origin: afterlife
;; stands: first write
;; message: chunks
;; expect: accept
;;; items
(global $drained (mut i32) (i32.const 0))
;;; write
(if (global.get $drained) (then unreachable)) (global.set $drained (i32.const 1)) (call $drain)
