;; A name of 26 MB.
;; origin: floods
;; stands: describe
;; refused-at-load: describe
;;; describe
(drop (memory.grow (i32.const 400))) (drop (call $description)) (i32.store (i32.const 68) (i32.const 26000000)) (i32.const 64)
