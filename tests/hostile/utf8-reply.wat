;; A reply that is no UTF-8.
;; origin: encoding
;; stands: first write
;; expect: 451 trap
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; write
(call $refuse (i32.const 0) (i32.const 550) @"5.7.1" (i32.const 32000) (i32.const 4))
