;; Uses a handle that it has dropped.
;; origin: afterlife
;; stands: close
;; wit: export processor; => export processor; export handles;
;; wit: world mail-processor { => interface handles { resource handle; } world mail-processor {
;; expect: 451 trap
;;; imports
(import "[export]gatepost:processor/handles@0.1.0" "[resource-new]handle" (func $new (param i32) (result i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-drop]handle" (func $drop (param i32)))
(import "[export]gatepost:processor/handles@0.1.0" "[resource-rep]handle" (func $rep (param i32) (result i32)))
;;; close
(local $handle i32)
(local.set $handle (call $new (i32.const 7)))
(call $drop (local.get $handle))
(drop (call $rep (local.get $handle)))
(global.get $ok)
