;; Forged records without end.
;; origin: logs
;; stands: first write
;; expect: 451 cpu host_calls
;;; items
(data (i32.const 32000) "{\22event\22:\22message\22,\22tenant\22:\22honest\22,\22verdict\22:\22reject\22}\0d\0a{\22event\22:\22started\22}\0a\1b[2J\1b]0;owned\07\00\e2\80\a8\c2\85end")
;;; write
(loop $more (call $emit (i32.const 3) (i32.const 32000) (i32.const 112)) (br $more)) unreachable
