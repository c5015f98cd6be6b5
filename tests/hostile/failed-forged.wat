;; Says that it failed, in words that would be a reply and a log record.
;; origin: replies
;; stands: first write
;; expect: 451 failed
;;; items
(data (i32.const 32000) "{\22event\22:\22message\22,\22tenant\22:\22honest\22,\22verdict\22:\22reject\22}\0d\0a{\22event\22:\22started\22}\0a\1b[2J\1b]0;owned\07\00\e2\80\a8\c2\85end")
;;; write
(call $failed (i32.const 32000) (i32.const 112))
