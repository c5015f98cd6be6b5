;; A log record that says it has 0xFFFFFFFF bytes.
;; origin: floods
;; stands: first write
;; expect: 451 trap
;;; write
(call $emit (i32.const 1) (i32.const 65536) (i32.const -1)) (global.get $ok)
