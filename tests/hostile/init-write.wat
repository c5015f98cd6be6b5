;; `memory.init` from a segment, in a loop.
;; origin: bulk
;; stands: first write
;; expect: 451 cpu
;;; items
(data $segment "a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes a stretch of bytes ")
;;; write
(loop $more
  (memory.init $segment (i32.const 65536) (i32.const 0) (i32.const 760))
  (br $more))
unreachable
