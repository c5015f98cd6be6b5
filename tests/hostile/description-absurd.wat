;; A name that says it has 0xFFFFFFFF bytes.
;; origin: floods
;; stands: describe
;; refused-at-load: trapped | out of bounds | describe
;;; describe
(drop (call $description)) (i32.store (i32.const 68) (i32.const -1)) (i32.const 64)
