;; Makes handles in every message and never drops one, then uses one before it has made any: what an earlier message
;; left would be there.
;; origin: afterlife
;; stands: open
;; wit: export processor; => export processor; export handles;
;; wit: world mail-processor { => interface handles { resource handle; } world mail-processor {
;; expect: 451 trap
;;; imports
(import "[export]gatepost:processor/handles@0.1.0" "[resource-new]handle" (func $new (param i32) (result i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-drop]handle" (func $drop (param i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-rep]handle" (func $rep (param i32) (result i32)))
;;; items
(global $last (mut i32) (i32.const 0))
;;; open
(drop (call $rep (i32.const 1)))
(loop $more
  (global.set $last (call $new (i32.const 7)))
  (br_if $more (i32.lt_u (global.get $last) (i32.const 1000))))
(global.get $ok)
;;; close
(drop (call $rep (i32.const 1))) (global.get $ok)
