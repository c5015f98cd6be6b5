;; Wants a function that our interface does not have.
;; origin: imports
;; stands: upload
;; wit: write: func(bytes: list<u8>) -> bool; => write: func(bytes: list<u8>) -> bool; flush: func() -> bool;
;; refused-at-load: flush
;;; imports
(import "gatepost:processor/next@0.1.0" "flush" (func $flush (result i32)))
;;; items
(func (drop (call $flush)))
