;; Ten million handles of a resource of its own.
;; origin: hoards
;; stands: first write
;; wit: export processor; => export processor; export handles;
;; wit: world mail-processor { => interface handles { resource handle; } world mail-processor {
;; expect: 451 trap cpu memory handles
;;; imports
(import "[export]gatepost:processor/handles@0.1.0" "[resource-new]handle" (func $new (param i32) (result i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-drop]handle" (func $drop (param i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-rep]handle" (func $rep (param i32) (result i32)))
;;; write
(local $n i32)
(local.set $n (i32.const 10000000))
(loop $more
  (drop (call $new (local.get $n)))
  (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
(global.get $ok)
