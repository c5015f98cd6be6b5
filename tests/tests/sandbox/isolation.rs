//! Every message gets fresh instances: nothing that one leaves behind is seen by the next, its own or another's.

use gatepost::wasm::PoolSettings;
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

/// Leaves canaries in memory that it grew, in its table and its globals, and then ends as `end` says.
fn leaver(end: &str) -> Guest {
    let canary = CANARY.cast_signed();
    Guest::new()
        .items(&format!(
            "(global $left (mut i64) (i64.const 0)) (table $t 10 funcref) (elem declare func $one) (func $one)
             (func $leave (local $at i32)
               (if (i32.eq (memory.grow (i32.const 80)) (i32.const -1)) (then unreachable))
               (drop (table.grow $t (ref.func $one) (i32.const 3000)))
               (table.fill $t (i32.const 0) (ref.func $one) (i32.const 3010))
               (global.set $left (i64.const {canary}))
               (local.set $at (i32.const 65536))
               (loop $more
                 (i64.store (local.get $at) (i64.const {canary}))
                 (local.set $at (i32.add (local.get $at) (i32.const 8)))
                 (br_if $more (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16))))))"
        ))
        .write(&format!("(call $leave) {end}"))
}

/// Traps where it sees a canary anywhere, an entry in its fresh table, or a global that is not as it said.
fn looker() -> Guest {
    let canary = CANARY.cast_signed();
    Guest::new().pages(100).items("(global $mine (mut i64) (i64.const 0)) (table $t 20 funcref)").open(
        &format!(
            "(local $at i32)
         (if (i64.ne (global.get $mine) (i64.const 0)) (then unreachable))
         (if (i32.eq (table.grow $t (ref.null func) (i32.const 3500)) (i32.const -1)) (then unreachable))
         (loop $more
           (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then unreachable))
           (local.set $at (i32.add (local.get $at) (i32.const 1)))
           (br_if $more (i32.lt_u (local.get $at) (i32.const 3520))))
         (local.set $at (i32.const 0))
         (loop $more
           (if (i64.eq (i64.load (local.get $at)) (i64.const {canary})) (then unreachable))
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $more (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
         (global.get $ok)"
        ),
    )
}

/// Goal: nothing of one tenant's message is seen by another tenant's, however the first came to its end: accepted, refused,
/// trapped, out of time, out of memory, or dropped in the midst of a call with its client (RUSTSEC-2026-0088,
/// CVE-2022-39393, RUSTSEC-2026-0022).
/// Method: in a pool with one place each message gets the place of the one before. Whoever comes looks through memory,
/// table and globals first.
#[test]
fn nothing_is_seen_of_another_tenants_message() {
    let lab = Lab::with_pool(PoolSettings { instances_max: 1, ..PoolSettings::default() });
    let generous = |limits: &mut gatepost::wasm::StageLimits| limits.cpu_per_message *= 20;
    let looker = [lab.stage(&looker().component()).tenant("other").limits(generous).plan()];
    let leaves = |end: &str| [lab.stage(&leaver(end).component()).limits(generous).plan()];
    let looks = |after: &str| assert_eq!(lab.run(&looker, PIECES).end(), "accept", "after {after}");
    let refuses = "(call $refuse (i32.const 0) (i32.const 550) (i32.const 0) (i32.const 0) @\"no\")";
    for (end, expect) in [
        ("(call $splice)", "accept"),
        (refuses, "reject 550 5.7.1 no"),
        ("unreachable", "failed: guest: trap: "),
        ("(drop (memory.grow (i32.const 60000))) unreachable", "failed budget: guest: memory: "),
        ("(loop $more (br $more)) (global.get $ok)", "failed budget: guest: cpu: "),
    ] {
        let stage = leaves(end);
        for n in 0..8 {
            let ended = lab.run(&stage, PIECES).end();
            assert!(ended.starts_with(expect), "{n}: {ended}");
            looks(end);
        }
    }
    let endless = leaves("(loop $more (br $more)) (global.get $ok)");
    for _ in 0..8 {
        assert!(lab.abandon(&endless, PIECES[0]), "it was in the midst of a call");
        looks("a call that was dropped");
    }
}

/// Goal: the test above can fail: the looker finds what it looks for.
#[test]
fn a_looker_finds_what_is_left() {
    let lab = Lab::with_pool(PoolSettings { instances_max: 1, ..PoolSettings::default() });
    let canary = CANARY.to_le_bytes();
    for left in [looker().data(100 * 65536 - 8, &canary), looker().data(72_000, &canary)] {
        let end =
            lab.run(&[lab.stage(&left.component()).limits(|l| l.cpu_per_message *= 20).plan()], PIECES).end();
        assert!(end.starts_with("failed: guest: trap: "), "{end}");
    }
    let filled = looker().wat("20 funcref)", "20 funcref) (elem (table $t) (i32.const 19) func $done)");
    let end = lab.run(&[lab.stage(&filled.component()).plan()], PIECES).end();
    assert!(end.starts_with("failed: guest: trap: "), "{end}");
}

/// Goal: where every place of the pool is taken, a stage fails as one that is told to come again, and nothing panics; once
/// a place is free the next message finds it.
#[test]
fn a_full_pool_is_for_later() {
    let lab = Lab::with_pool(PoolSettings { instances_max: 2, ..PoolSettings::default() });
    let guest = Guest::new().component();
    let stages = ["one", "two", "three"].map(|label| lab.stage(&guest).label(label).plan());
    assert_eq!(lab.run(&stages[..2], PIECES).end(), "accept");
    for _ in 0..3 {
        let end = lab.run(&stages, PIECES).end();
        assert!(end.starts_with("failed budget: three: capacity: "), "{end}");
        assert_eq!(lab.run(&stages[..2], PIECES).end(), "accept");
    }
}
