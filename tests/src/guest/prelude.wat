  ;; What every fixture has. Memory: 48 zeroes at 16 (an answer of ok, pass, accept), answers that are built at 64,
  ;; what imports return at 128, texts from 1024, the heap from 65536 on.
  (memory (export "memory") {pages})
  (global $ok i32 (i32.const 16))
  (global $heap (mut i32) (i32.const 65536))

  (func $realloc (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32)
    (result i32) (local $at i32) (local $short i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.set $short (i32.sub
      (i32.shr_u (i32.add (global.get $heap) (i32.const 65535)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $short) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $short)) (i32.const -1)) (then unreachable))))
    (local.get $at))

  ;; Answers of `write`.
  (func $flow (param $flow i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 68) (local.get $flow))
    (i32.const 64))
  (func $replaced (result i32) (call $flow (i32.const 1)))
  (func $splice (result i32) (call $flow (i32.const 2)))
  (func $drain (result i32) (call $flow (i32.const 3)))

  ;; Refusals, of `open`, `write` and `close`: kind 0 rejects, 1 defers; an enhanced code at 0 is none.
  (func $refuse (param $kind i32) (param $code i32) (param $enhanced i32) (param $enhanced_len i32)
    (param $text i32) (param $text_len i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 64) (i32.const 1))
    (i32.store8 (i32.const 68) (local.get $kind))
    (i32.store16 (i32.const 72) (local.get $code))
    (i32.store8 (i32.const 76) (i32.ne (local.get $enhanced) (i32.const 0)))
    (i32.store (i32.const 80) (local.get $enhanced))
    (i32.store (i32.const 84) (local.get $enhanced_len))
    (i32.store (i32.const 88) (local.get $text))
    (i32.store (i32.const 92) (local.get $text_len))
    (i32.const 64))
  (func $failed (param $text i32) (param $len i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 64) (i32.const 1))
    (i32.store8 (i32.const 68) (i32.const 2))
    (i32.store (i32.const 72) (local.get $text))
    (i32.store (i32.const 76) (local.get $len))
    (i32.const 64))

  ;; Answers of `close`.
  (func $quarantine (param $reason i32) (param $len i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 68) (i32.const 1))
    (i32.store (i32.const 72) (local.get $reason))
    (i32.store (i32.const 76) (local.get $len))
    (i32.const 64))
  (func $discard (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 68) (i32.const 2))
    (i32.const 64))

  ;; The answer of `configure` that refuses.
  (func $misconfigured (param $text i32) (param $len i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 64) (i32.const 1))
    (i32.store (i32.const 68) (local.get $text))
    (i32.store (i32.const 72) (local.get $len))
    (i32.const 64))

  ;; After each call nothing on the heap is needed any more: answers stand below it.
  (func $done (param $answer i32) (result i32)
    (global.set $heap (i32.const 65536))
    (local.get $answer))

  (func $two (param $at i32) (param $ptr i32) (param $len i32)
    (i32.store (local.get $at) (local.get $ptr))
    (i32.store offset=4 (local.get $at) (local.get $len)))
