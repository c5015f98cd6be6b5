;; What the self-test puts into the pool. `build.rs` makes two components of it, which differ in the words in braces.
;;
;; `check` tells what is not as it should be in a fresh instance, a bit for each kind: 1 memory that it begins with, 2 memory
;; that it grows into, 4 its table, 8 table entries that it grows into, 16 its globals. `mark` then fills all of it.
(component
  (core module $probe
    (memory $memory {pages})
    (table $table {entries} funcref)
    (elem (table $table) (i32.const 1) func $own)
    (data (i32.const {data}) "what it is from the beginning on")
    (global $a (mut i32) (i32.const 5))
    (global $b (mut i64) (i64.const 0))
    (global $c (mut f64) (f64.const 0))
    (global $d (mut v128) (v128.const i64x2 0 7))
    (global $e (mut funcref) (ref.null func))
    (func $own)

    ;; All bits of memory from $at to $end that are set somewhere.
    (func $bits (param $at i32) (param $end i32) (result i64) (local $bits i64)
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (loop $more
            (local.set $bits (i64.or (local.get $bits) (i64.load (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $more (i32.lt_u (local.get $at) (local.get $end))))))
      (local.get $bits))

    ;; How many entries of the table from $at to $end are none.
    (func $nulls (param $at i32) (param $end i32) (result i32) (local $nulls i32)
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (loop $more
            (local.set $nulls (i32.add (local.get $nulls) (ref.is_null (table.get $table (local.get $at)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $at) (local.get $end))))))
      (local.get $nulls))

    (func $memory_at_start (result i32) (local $begin i32)
      (local.set $begin (i32.shl (i32.const {pages}) (i32.const 16)))
      (i64.ne (i64.const 0)
        (i64.or
          (i64.or (call $bits (i32.const 0) (i32.const {data}))
            (call $bits (i32.const {data_end}) (local.get $begin)))
          (i64.or
            (i64.xor (i64.load (i32.const {data})) (i64.const 0x2074692074616877))
            (i64.xor (i64.load offset=24 (i32.const {data})) (i64.const 0x6e6f20676e696e6e))))))

    (func $memory_grown (result i32)
      (if (i32.eq (memory.size) (i32.const {pages}))
        (then (if (i32.eq (memory.grow (i32.const {grown})) (i32.const -1)) (then unreachable))))
      (i64.ne (i64.const 0)
        (call $bits (i32.shl (i32.const {pages}) (i32.const 16)) (i32.shl (memory.size) (i32.const 16)))))

    (func $table_at_start (result i32)
      (i32.or (ref.is_null (table.get $table (i32.const 1)))
        (i32.ne (call $nulls (i32.const 0) (i32.const {entries})) (i32.const {null_entries}))))

    (func $table_grown (result i32)
      (if (i32.eq (table.size $table) (i32.const {entries}))
        (then
          (if (i32.eq (table.grow $table (ref.null func) (i32.const {more})) (i32.const -1)) (then unreachable))))
      (i32.ne (call $nulls (i32.const {entries}) (table.size $table)) (i32.const {more})))

    (func $globals (result i32)
      (i32.or
        (i32.or (i32.ne (global.get $a) (i32.const 5)) (i64.ne (global.get $b) (i64.const 0)))
        (i32.or
          (i32.or (f64.ne (global.get $c) (f64.const 0)) (i32.eqz (ref.is_null (global.get $e))))
          (v128.any_true (v128.xor (global.get $d) (v128.const i64x2 0 7))))))

    (func (export "check") (result i32)
      (call $memory_at_start)
      (i32.shl (call $memory_grown) (i32.const 1))
      (i32.shl (call $table_at_start) (i32.const 2))
      (i32.shl (call $table_grown) (i32.const 3))
      (i32.shl (call $globals) (i32.const 4))
      i32.or i32.or i32.or i32.or)

    (func (export "mark")
      (memory.fill (i32.const 0) (i32.const 0xa5) (i32.shl (memory.size) (i32.const 16)))
      (table.fill $table (i32.const 0) (ref.func $own) (table.size $table))
      (global.set $a (i32.const 0xa5a5))
      (global.set $b (i64.const 0xa5a5))
      (global.set $c (f64.const 1))
      (global.set $d (v128.const i64x2 0xa5a5 0xa5a5))
      (global.set $e (ref.func $own))))
  (core instance $instance (instantiate $probe))
  (func (export "check") (result u32) (canon lift (core func $instance "check")))
  (func (export "mark") (canon lift (core func $instance "mark"))))
