;; Sets a fact under a thousand names.
;; origin: envelope
;; stands: open
;; stage: cpu_per_message = "2s"
;; expect: accept
;;; items
(data (i32.const 32000) "x.flood-aaa")
;;; open
(local $n i32)
(local.set $n (i32.const 1000))
(loop $more
  (i32.store8 (i32.const 32008) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
  (i32.store8 (i32.const 32009) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
  (i32.store8 (i32.const 32010) (i32.add (i32.const 97) (i32.shr_u (local.get $n) (i32.const 8))))
  (drop (call $set_fact (i32.const 32000) (i32.const 11) @"v"))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
