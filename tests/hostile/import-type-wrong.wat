;; Wants a function of ours with another type.
;; origin: imports
;; stands: upload
;; wit: write: func(bytes: list<u8>) -> bool; => write: func(bytes: list<u16>) -> bool;
;; refused-at-load: gatepost:processor/next@0.1.0
;;; open
(drop (call $next @"x")) (global.get $ok)
