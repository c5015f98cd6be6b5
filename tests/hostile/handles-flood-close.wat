;; Handles of a resource of its own without end, in `close`.
;; origin: hoards
;; stands: close
;; wit: export processor; => export processor; export handles;
;; wit: world mail-processor { => interface handles { resource handle; } world mail-processor {
;; expect: 451 trap cpu memory handles
;;; imports
(import "[export]gatepost:processor/handles@0.1.0" "[resource-new]handle" (func $new (param i32) (result i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-drop]handle" (func $drop (param i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-rep]handle" (func $rep (param i32) (result i32)))
;;; close
(loop $more (drop (call $new (i32.const 1))) (br $more)) unreachable
