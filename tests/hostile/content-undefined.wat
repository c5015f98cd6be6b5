;; Takes a `content` that the interface does not have.
;; origin: encoding
;; stands: describe
;; wat: (i32.store16 (i32.const 88) (i32.const 514)) => (i32.store16 (i32.const 88) (i32.const 0x0909))
;; refused-at-load: describe
;;; describe
(drop (call $description)) (i32.const 64)
