;; A name that is no UTF-8.
;; origin: encoding
;; stands: describe
;; refused-at-load: describe
;;; items
(data (i32.const 32000) "\c3(\ff\fe")
;;; describe
(drop (call $description)) (i32.store (i32.const 64) (i32.const 32000)) (i32.store (i32.const 68) (i32.const 4)) (i32.const 64)
