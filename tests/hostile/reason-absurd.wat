;; Quarantines for a reason that says it has 0xFFFFFFFF bytes.
;; origin: floods
;; stands: close
;; expect: 451 trap
;;; close
(call $quarantine (i32.const 64) (i32.const -1))
