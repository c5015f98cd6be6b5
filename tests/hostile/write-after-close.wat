;; Writes when `close` has answered, from what a guest runs to free its answer: there is no other way, since no guest
;; code runs after `close`.
;; origin: afterlife
;; stands: close
;; expect: 451 trap
;;; items
(func (export "cabi_post_gatepost:processor/processor@0.1.0#close") (param i32)
  (if (global.get $provoked) (then (drop (call $next (i32.const 0) (i32.const 16))))))
