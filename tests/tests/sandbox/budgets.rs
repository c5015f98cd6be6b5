//! Tables, stack, host calls, handles, log, facts and kv of a guest: each limit, at it and one past it; and what the record says.

use gatepost::telemetry::StageRecord;
use gatepost::wasm::{PoolSettings, StageLimits};
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{KV_CALLS_MAX, Lab, Ran};

const ALL: [&str; 4] = ["kv", "clock", "random", "envelope"];

/// Against a world with every capability; only those that it calls are in its component.
fn guest() -> Guest {
    Guest::new()
        .wit("import next;", "import next; import kv; import clock; import random; import envelope-edit;")
}

/// One message through `guest`, with every grant, under these limits.
fn run(lab: &Lab, guest: &Guest, limits: impl FnOnce(&mut StageLimits)) -> Ran {
    lab.run(&[lab.stage(&guest.component()).grants(&ALL).limits(limits).plan()], [&b"m"[..]])
}

fn record(ran: &Ran) -> &StageRecord {
    &ran.records[0]
}

/// The limits that it ran into.
fn hit(record: &StageRecord) -> Vec<&str> {
    record.limits.iter().map(|limit| &**limit).collect()
}

/// `n` times the same, answering ok.
fn times(n: u64, code: &str) -> String {
    code.repeat(usize::try_from(n).unwrap()) + "(global.get $ok)"
}

/// Asks for `n` more elements of table `$t`; traps unless that is (not) granted.
fn grow(n: u32, fits: bool) -> String {
    let unexpected = if fits { "i32.eq" } else { "i32.ne" };
    format!(
        "(if ({unexpected} (table.grow $t (ref.null func) (i32.const {n})) (i32.const -1)) (then unreachable))"
    )
}

/// Goal: all tables of an instance together have as many elements as they may; a guest may live without those refused, and
/// where it does not, that is why it failed.
#[test]
fn table_elements() {
    let lab = Lab::new();
    let two = "(table $t 10 funcref) (table $other 20 funcref)";
    let ran =
        |open: &str| run(&lab, &Guest::new().items(two).open(open), |limits| limits.table_elements = 100);
    for (n, fits, peak) in [(70, true, 100), (71, false, 30), (100_000_000, false, 30)] {
        let ran = ran(&times(1, &grow(n, fits)));
        assert_eq!(ran.end(), "accept", "{n}");
        assert_eq!(record(&ran).table_peak, peak, "{n}");
        assert_eq!(record(&ran).limits, if fits { vec![] } else { vec!["table"] }, "{n}");
    }
    let given_up = ran(&times(1, &grow(71, true)));
    assert_eq!(given_up.end(), "failed budget: guest: table: asked for more than its 100 table elements");
    let whole = |n: u32| {
        let guest = Guest::new().items(&format!("(table {n} funcref)"));
        let stage = lab.stage(&guest.component()).limits(|limits| limits.table_elements = 100);
        stage.try_plan().err()
    };
    assert_eq!(whole(100), None);
    assert_eq!(whole(101).as_deref(), Some("`configure` asked for more than its 100 table elements"));
}

/// Goal: the pool has room for the largest table that a tenant may have.
#[test]
fn the_pool_holds_the_largest_table() {
    let guest = Guest::new().items("(table $t 0 funcref)").open(&times(1, &grow(50_000, true))).component();
    let lab = Lab::with_pool(PoolSettings { table_elements: 50_000, ..PoolSettings::default() });
    let stage = lab.stage(&guest).limits(|limits| limits.table_elements = 50_000).plan();
    assert_eq!(lab.run(&[stage], [&b"m"[..]]).end(), "accept");
}

/// Goal: recursion ends where the stack does, and the stack is as large as it is set.
/// Method: one depth, under the smallest stack and the largest; and without an end.
#[test]
fn stack() {
    let deep = Guest::new()
        .items(
            "(func $deep (param i32) (result i32)
               (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
               (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))",
        )
        .open("(drop (call $deep (i32.const 10000))) (global.get $ok)")
        .component();
    let ran = |guest_stack| {
        let lab = Lab::with_pool(PoolSettings { guest_stack, ..PoolSettings::default() });
        lab.run(&[lab.stage(&deep).plan()], [&b"m"[..]])
    };
    assert_eq!(ran(8 << 20).end(), "accept");
    let past = ran(64 << 10);
    assert_eq!(past.end(), "failed budget: guest: stack: used up its 65536 bytes of stack");
    assert_eq!(record(&past).limits, ["stack"]);
    let endless = Guest::new().items("(func $deep (call $deep))").write("(call $deep) (global.get $ok)");
    let ran = run(&Lab::new(), &endless, |_| {});
    assert_eq!(ran.end(), "failed budget: guest: stack: used up its 524288 bytes of stack");
}

/// A guest that went on without a page it was refused has not run out of memory when its stack overflows.
#[test]
fn a_refused_page_does_not_hide_what_came_after() {
    let guest = Guest::new()
        .items("(func $deep (call $deep))")
        .write("(drop (memory.grow (i32.const 5000))) (call $deep) (global.get $ok)");
    let ran = run(&Lab::new(), &guest, |_| {});
    assert!(ran.end().starts_with("failed budget: guest: stack: "), "{}", ran.end());
    assert_eq!(record(&ran).limits, ["memory", "stack"]);
}

/// Goal: every import counts, as many calls go through as may, and one more ends the stage.
#[test]
fn host_calls() {
    let lab = Lab::new();
    for call in [
        "(drop (call $next (i32.const 65536) (i32.const 1)))",
        "(call $emit (i32.const 1) @\"x\")",
        "(call $count @\"n\" (i64.const 1))",
        "(call $id (i32.const 128))",
        "(call $sender (i32.const 128))",
        "(call $recipients (i32.const 128))",
        "(call $fact @\"x.a\" (i32.const 128))",
        "(drop (call $set_fact @\"x.a\" @\"v\"))",
        "(call $kv_get @\"k\" (i32.const 128))",
        "(call $kv_set @\"k\" @\"v\" (i32.const 0) (i64.const 0) (i32.const 128))",
        "(call $kv_add @\"n\" (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 128))",
        "(drop (call $now_ms))",
        "(call $random (i32.const 1) (i32.const 128))",
        "(drop (call $set_sender (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(drop (call $add_rcpt @\"a@to.example\"))",
        "(drop (call $remove_rcpt @\"one@to.example\"))",
    ] {
        let ran = |n| run(&lab, &guest().open(&times(n, call)), |limits| limits.host_calls = 3);
        let fits = ran(3);
        assert_eq!((fits.end().as_str(), record(&fits).host_calls), ("accept", 3), "{call}");
        let past = ran(4);
        assert_eq!(
            past.end(),
            "failed budget: guest: host_calls: called the host more than 3 times",
            "{call}"
        );
        assert_eq!((record(&past).host_calls, hit(record(&past))), (3, vec!["host_calls"]), "{call}");
    }
}

/// Goal: the calls of a message are counted, not those of a call.
#[test]
fn host_calls_add_up_over_the_message() {
    let call = times(1, "(call $id (i32.const 128))");
    let guest = Guest::new().open(&call).write(&call).close(&call);
    let lab = Lab::new();
    for (limit, end) in
        [(3, "accept"), (2, "failed budget: guest: host_calls: called the host more than 2 times")]
    {
        assert_eq!(run(&lab, &guest, |limits| limits.host_calls = limit).end(), end);
    }
}

/// A component with a resource of its own makes handles without asking the host.
fn handles(n: u32, dropped: bool) -> Guest {
    let drop =
        if dropped { "(call $drop (call $new (i32.const 7)))" } else { "(drop (call $new (i32.const 7)))" };
    let things = "[export]gatepost:processor/things@0.1.0";
    Guest::new()
        .wit("interface log {", "interface things { resource thing; }\ninterface log {")
        .wit("export processor;", "export processor; export things;")
        .wat(
            "(module\n",
            &format!(
                "(module
                   (import \"{things}\" \"[resource-new]thing\" (func $new (param i32) (result i32)))
                   (import \"{things}\" \"[resource-drop]thing\" (func $drop (param i32)))\n"
            ),
        )
        .open(&format!(
            "(local $n i32) (local.set $n (i32.const {n}))
             (loop $more {drop} (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
             (global.get $ok)"
        ))
}

/// Goal: a flood of resource handles is bounded; those given back do not count.
#[test]
fn resource_handles() {
    let lab = Lab::new();
    let end = |n, dropped| run(&lab, &handles(n, dropped), |limits| limits.handles = 100).end();
    assert_eq!(end(100, false), "accept");
    assert_eq!(end(101, false), "failed budget: guest: handles: held more than 100 resource handles");
    assert_eq!(end(1000, true), "accept");
    let flood = run(&lab, &handles(10_000_000, false), |_| {});
    assert_eq!(flood.end(), "failed budget: guest: handles: held more than 10000 resource handles");
    assert_eq!(record(&flood).limits, ["handles"]);
}

/// Goal: `output_base` is what a call and a message may write beyond the multiple of the input.
#[test]
fn output_base() {
    let lab = Lab::new();
    let ran = |len: u32| {
        let write = format!("(drop (call $next (i32.const 65536) (i32.const {len}))) (call $replaced)");
        run(&lab, &Guest::new().write(&write), |limits| limits.output_base = 10)
    };
    let fits = ran(14);
    assert_eq!((fits.end().as_str(), fits.output.len()), ("accept", 14));
    let past = ran(15);
    assert_eq!(past.end(), "failed budget: guest: output: wrote more than the 14 bytes it may for its input");
    assert_eq!(record(&past).limits, ["output"]);
}

/// Goal: records of as many bytes as may be are logged, and dropping the next is no failure but noted.
#[test]
fn log_bytes() {
    let lab = Lab::new();
    let record_of_100 = format!("(call $emit (i32.const 1) @\"{}\")", "x".repeat(100));
    let ran = |n| run(&lab, &Guest::new().open(&times(n, &record_of_100)), |limits| limits.log_bytes = 300);
    for (n, logged, limits) in [(3, 3, vec![]), (4, 4, vec!["log"]), (50, 4, vec!["log"])] {
        let ran = ran(n);
        assert_eq!((ran.end().as_str(), ran.logged().len()), ("accept", logged), "{n}");
        assert_eq!((record(&ran).log_bytes, hit(record(&ran))), (300, limits), "{n}");
    }
}

/// Goal: the facts of all stages together are as many as may be; facts of the host's own take no room.
#[test]
fn facts() {
    let lab = Lab::new();
    let set = |names: &[&str], ok: &[i32]| {
        let calls = names.iter().zip(ok).map(|(name, ok)| {
            format!("(if (i32.ne (call $set_fact @\"{name}\" @\"v\") (i32.const {ok})) (then unreachable))")
        });
        Guest::new().open(&(calls.collect::<String>() + "(global.get $ok)")).component()
    };
    let few = |limits: &mut StageLimits| limits.facts = 3;
    let first = lab.stage(&set(&["x.a", "x.b"], &[1, 1])).label("first").limits(few).plan();
    let second = set(&["x.c", "x.d", "x.a", "y.no"], &[1, 0, 1, 0]);
    let second = lab.stage(&second).label("second").limits(few).plan();
    let ran = lab.run(&[first, second], [&b"m"[..]]);
    assert_eq!(ran.end(), "accept");
    let figures: Vec<_> = ran.records.iter().map(|record| (record.facts, hit(record))).collect();
    assert_eq!(figures, [(2, vec![]), (1, vec!["facts"])]);
}

/// The answer of the last call of `kv`, at 128, whose error lies so many bytes further: traps unless it is ok, or `quota`.
fn answered(ok: bool, error_at: u32) -> String {
    let trap = "(then unreachable)";
    let is_error =
        format!("(if (i32.ne (i32.load8_u (i32.const 128)) (i32.const {})) {trap})", i32::from(!ok));
    let at = 128 + error_at;
    let is_quota = format!("(if (i32.ne (i32.load8_u (i32.const {at})) (i32.const 0)) {trap})");
    if ok { is_error } else { is_error + &is_quota }
}

/// Goal: calls of `kv` past the limit are answered `quota`, and noted.
#[test]
fn kv_calls() {
    let lab = Lab::new();
    let get = "(call $kv_get @\"k\" (i32.const 128))";
    let ran = run(&lab, &guest().open(&times(KV_CALLS_MAX, get)), |_| {});
    assert_eq!((ran.end().as_str(), record(&ran).kv_calls, record(&ran).limits.len()), ("accept", 400, 0));
    let calls = get.repeat(401);
    let ran = run(&lab, &guest().open(&format!("{calls}{}(global.get $ok)", answered(false, 4))), |_| {});
    assert_eq!((ran.end().as_str(), record(&ran).kv_calls), ("accept", 400));
    assert_eq!(record(&ran).limits, ["kv_calls"]);
}

/// Goal: keys and values that go to the store and come from it are counted, at the limit and one past it.
#[test]
fn kv_bytes() {
    let lab = Lab::new();
    // Keys of one byte: a set of 10 moves 11, a get of what it set as much, an add 9.
    let set = |len: u32, ok| {
        format!(
            "(call $kv_set @\"k\" (i32.const 70000) (i32.const {len}) (i32.const 0) (i64.const 0) (i32.const 128))"
        ) + &answered(ok, 4)
    };
    let get = |ok| "(call $kv_get @\"k\" (i32.const 128))".to_owned() + &answered(ok, 4);
    let add = |ok| {
        "(call $kv_add @\"n\" (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 128))".to_owned()
            + &answered(ok, 8)
    };
    let ran = |max: u64, calls: String| {
        let component = guest().open(&(calls + "(global.get $ok)")).component();
        let stage = lab.stage(&component).grants(&ALL).kv_bytes_max(max).plan();
        lab.run(&[stage], [&b"m"[..]])
    };
    for (max, calls, bytes, limits) in [
        (31, set(10, true) + &get(true) + &add(true), 31, vec![]),
        (11, set(10, true), 11, vec![]),
        (10, set(10, false), 0, vec!["kv_bytes"]),
        (22, set(10, true) + &get(true), 22, vec![]),
        // A value that is read and does not fit spends what was left.
        (21, set(10, true) + &get(false) + &get(false), 21, vec!["kv_bytes"]),
        (9, add(true), 9, vec![]),
        (8, add(false), 0, vec!["kv_bytes"]),
    ] {
        let ran = ran(max, calls);
        assert_eq!(ran.end(), "accept", "{max}");
        assert_eq!((record(&ran).kv_bytes, hit(record(&ran))), (bytes, limits), "{max}");
    }
}

/// Goal: a space that is full and a value that is too long are noted.
#[test]
fn kv_size() {
    let call = "(call $kv_set @\"k\" (i32.const 70000) (i32.const 65537) (i32.const 0) (i64.const 0) (i32.const 128))";
    let ran =
        run(&Lab::new(), &guest().open(&format!("{call}{}(global.get $ok)", answered(false, 4))), |_| {});
    assert_eq!((ran.end().as_str(), hit(record(&ran))), ("accept", vec!["kv_size"]));
}

/// Goal: what a stage used is told where it failed, too; also where its `configure` did.
#[test]
fn figures_of_a_stage_that_failed() {
    let ran =
        run(&Lab::new(), &Guest::new().open(&format!("{}unreachable", "(call $id (i32.const 128))")), |_| {});
    assert!(ran.end().starts_with("failed: guest: trap: "), "{}", ran.end());
    assert_eq!((record(&ran).host_calls, record(&ran).memory_peak), (1, 1 << 20));
}
