;; What a guest runs after `close` has answered, to free its answer, never ends.
;; origin: loops
;; stands: close
;; expect: 451 cpu
;;; items
(func (export "cabi_post_gatepost:processor/processor@0.1.0#close") (param i32)
  (if (global.get $provoked) (then (loop (br 0)))))
