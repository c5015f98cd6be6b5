;; Edits the sender without end.
;; origin: envelope
;; stands: open
;; grants: envelope
;; expect: 451 cpu host_calls
;;; open
(loop $more (drop (call $set_sender (i32.const 1) @"a@b.example")) (br $more)) unreachable
