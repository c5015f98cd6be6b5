;; Each `write` takes a few milliseconds, none of them much: the budget is for the message.
;; origin: loops
;; stands: first write, 50th write
;; message: chunks
;; expect: 451 cpu
;;; write
(local $n i32)
(local.set $n (i32.const 8000000))
(loop $more (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
