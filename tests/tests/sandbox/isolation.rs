//! Every message gets fresh instances: nothing that one leaves behind is seen by the next, its own or another's.

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::Lab;

use crate::PIECES;

/// Messages in a row: enough that slots of the pool are used again.
const MESSAGES: usize = 40;
/// Eight bytes that no guest holds by chance.
const CANARY: u64 = 0x6361_6e61_7279_2121;

/// Grows its memory to 6 MiB, looks for the canary everywhere, then fills everything but its code's own data with it.
fn scanner() -> Guest {
    let canary = CANARY.cast_signed();
    Guest::new()
        .items(&format!(
            "(func $scan (local $at i32)
               (local.set $at (i32.const 131072))
               (loop $more
                 (if (i64.eq (i64.load (local.get $at)) (i64.const {canary})) (then unreachable))
                 (local.set $at (i32.add (local.get $at) (i32.const 8)))
                 (br_if $more (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16))))))
             (func $mark (local $at i32)
               (local.set $at (i32.const 131072))
               (loop $more
                 (i64.store (local.get $at) (i64.const {canary}))
                 (local.set $at (i32.add (local.get $at) (i32.const 8)))
                 (br_if $more (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16))))))"
        ))
        .open(
            "(if (i32.eq (memory.grow (i32.const 80)) (i32.const -1)) (then unreachable))
               (call $scan) (call $mark) (global.get $ok)",
        )
}

/// Goal: globals, tables and memory are as the component says at every message.
#[test]
fn nothing_carries_over_within_a_stage() {
    let lab = Lab::new();
    let guest = Guest::new()
        .items(
            "(global $n (mut i32) (i32.const 0)) (table $t 4 funcref) (elem declare func $one)
             (func $one)",
        )
        .open(
            "(if (global.get $n) (then unreachable))
             (if (i32.eqz (ref.is_null (table.get $t (i32.const 1)))) (then unreachable))
             (if (i32.load (i32.const 32000)) (then unreachable))
             (global.set $n (i32.const 1))
             (table.set $t (i32.const 1) (ref.func $one))
             (i32.store (i32.const 32000) (i32.const 1))
             (global.get $ok)",
        )
        .close("(if (i32.ne (global.get $n) (i32.const 1)) (then unreachable)) (global.get $ok)");
    let stages = [lab.stage(&guest.component()).plan()];
    for n in 0..MESSAGES {
        assert_eq!(lab.run(&stages, PIECES).end(), "accept", "message {n}");
    }
}

/// Goal: no byte that a guest left in memory is seen by an instance after it, of the same component or another's.
/// Method: two components take turns; each looks through 6 MiB of its fresh memory, then fills it. One of them ends every
/// message in a trap, so that slots are given back in every way.
#[test]
fn memory_is_never_seen_by_the_next_instance() {
    let lab = Lab::new();
    let generous = |limits: &mut gatepost::wasm::StageLimits| limits.cpu_per_message *= 20;
    let one = lab.stage(&scanner().component()).limits(generous).plan();
    let other =
        scanner().name("other").pages(20).close("(i32.div_u (i32.const 1) (i32.const 0))").component();
    let other = lab.stage(&other).limits(generous).plan();
    for n in 0..MESSAGES {
        assert_eq!(lab.run(std::slice::from_ref(&one), PIECES).end(), "accept", "message {n}");
        let end = lab.run(std::slice::from_ref(&other), PIECES).end();
        // A canary would be `unreachable`.
        assert!(end.contains("divide by zero"), "message {n}: {end}");
    }
}

/// Goal: the test above can fail.
#[test]
fn a_scanner_finds_its_own_canary() {
    let lab = Lab::new();
    let guest = scanner().close("(call $scan) (global.get $ok)");
    let stage = lab.stage(&guest.component()).limits(|limits| limits.cpu_per_message *= 20).plan();
    assert!(lab.run(&[stage], PIECES).end().starts_with("failed: guest: trap: "));
}

/// Goal: two stages of one component in one chain are two instances.
#[test]
fn two_stages_of_one_component_share_nothing() {
    let lab = Lab::new();
    let guest = Guest::new()
        .items("(global $n (mut i32) (i32.const 0))")
        .write("(global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $ok)")
        .close("(if (i32.ne (global.get $n) (i32.const 3)) (then unreachable)) (global.get $ok)")
        .component();
    let stages = [lab.stage(&guest).label("one").plan(), lab.stage(&guest).label("two").plan()];
    assert_eq!(lab.run(&stages, PIECES).end(), "accept");
}
