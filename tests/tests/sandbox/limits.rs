//! Output, memory and CPU of a guest: each limit, at it and one past it.

use std::time::Duration;

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

/// The allowance of a call without input, in bytes.
const MIB: u64 = 1 << 20;

/// A guest with memory to write from, and this body of `write`.
fn writer(body: &str) -> Vec<u8> {
    Guest::new().pages(40).write(&format!("{body} (call $replaced)")).component()
}

/// `next.write` of so many bytes, which must answer `expect`.
fn write(len: u64, expect: bool) -> String {
    let unexpected = if expect { "i32.eqz" } else { "i32.ne (i32.const 0)" };
    format!("(if ({unexpected} (call $next (i32.const 65536) (i32.const {len}))) (then unreachable))")
}

fn past_output(ran: &Ran, limit: u64) {
    let expect =
        format!("failed budget: guest: output: wrote more than the {limit} bytes it may for its input");
    assert_eq!(ran.end(), expect);
    assert_eq!(ran.output.len(), 0, "what a failed call wrote goes nowhere");
}

/// Goal: one call writes at most 4 times its input and 1 MiB.
/// Method: at the limit and one past it, in one piece and in several; the answer of `next.write` is checked in the guest.
#[test]
fn output_of_a_call_is_limited() {
    let lab = Lab::new();
    for input in [1, 10, 16 << 10] {
        let limit = 4 * input as u64 + MIB;
        let message = vec![b'm'; input];
        let run = |body: &str| lab.run(&[lab.stage(&writer(body)).plan()], [&message[..]]);
        for body in [write(limit, true), write(limit - 1, true) + &write(0, true) + &write(1, true)] {
            let ran = run(&body);
            assert_eq!((ran.end().as_str(), ran.output.len() as u64), ("accept", limit), "{input}");
            assert_eq!(ran.records[0].bytes_out, limit);
        }
        past_output(&run(&write(limit + 1, false)), limit);
        past_output(&run(&(write(limit, true) + &write(1, false))), limit);
        past_output(&run(&(write(limit + 1, false) + &write(1, true))), limit);
    }
}

/// Goal: over the message a stage writes at most `output_ratio_max` times its input and 1 MiB, whatever its calls may.
#[test]
fn output_of_a_message_is_limited() {
    let lab = Lab::new();
    let run = |ratio: u64, second: u64, expect: bool| {
        let body = format!(
            "(global.set $n (i32.add (global.get $n) (i32.const 1)))
             (if (i32.eq (global.get $n) (i32.const 1)) (then {first}) (else {second}))",
            first = write(MIB, true),
            second = write(second, expect),
        );
        let guest = Guest::new()
            .pages(40)
            .items("(global $n (mut i32) (i32.const 0))")
            .write(&format!("{body} (call $replaced)"));
        let stage = lab.stage(&guest.component()).limits(|limits| limits.output_ratio = ratio).plan();
        lab.run(&[stage], [&[b'm'; 10][..], &[b'm'; 15]])
    };
    for ratio in [0, 1, 4] {
        let left = ratio * 25;
        assert_eq!(run(ratio, left, true).output.len() as u64, MIB + left, "{ratio}");
        let end = run(ratio, left + 1, false).end();
        assert!(end.starts_with("failed budget: guest: output: "), "{ratio}: {end}");
    }
}

/// Goal: `open` and `close` may each write 1 MiB, within the message's limit.
#[test]
fn output_of_open_and_close() {
    let lab = Lab::new();
    let guest = |open: u64, close: u64| {
        let body = |len, ok| format!("{} (global.get $ok)", write(len, ok));
        Guest::new()
            .pages(40)
            .open(&body(open, open <= MIB))
            .close(&body(close, open + close <= MIB + 40))
            .component()
    };
    let end = |open, close| lab.run(&[lab.stage(&guest(open, close)).plan()], [&[b'm'; 10][..]]).end();
    assert_eq!(end(MIB, 40), "accept");
    assert_eq!(end(0, MIB), "accept");
    assert!(end(MIB + 1, 0).starts_with("failed budget: guest: output: "));
    assert!(end(MIB, 41).starts_with("failed budget: guest: output: "));
}

/// Goal: a list that says it is longer than memory, or far longer than the limit, ends that stage, without cost.
#[test]
fn absurd_lists_are_traps() {
    let lab = Lab::new();
    for list in [
        "(i32.const 0) (i32.const -1)",
        "(i32.const -1) (i32.const 1)",
        "(i32.const 65536) (i32.const 0x7fffffff)",
    ] {
        let ran = lab.run(&[lab.stage(&writer(&format!("(drop (call $next {list}))"))).plan()], [&b"m"[..]]);
        assert!(ran.end().starts_with("failed: guest: trap: "), "{}", ran.end());
    }
    let ran = lab.run(
        &[lab.stage(&writer(&format!("(drop (call $next (i32.const 0) (i32.const {})))", 2 * MIB))).plan()],
        [&b"m"[..]],
    );
    assert!(ran.end().starts_with("failed"), "{}", ran.end());
}

/// Goal: output past the limit fails the stage also where the guest was refused memory before, and lived on.
#[test]
fn output_is_limited_after_a_refused_page() {
    let lab = Lab::new();
    let body = "(if (i32.ne (memory.grow (i32.const 5000)) (i32.const -1)) (then unreachable))";
    let ran = lab.run(&[lab.stage(&writer(&(body.to_owned() + &write(MIB + 5, false)))).plan()], [&b"m"[..]]);
    past_output(&ran, MIB + 4);
}

/// Goal: memory grows to its limit and not a page further; a guest may live without the page.
#[test]
fn memory_is_limited() {
    let lab = Lab::new();
    let grow = |pages: u32, expect: bool| {
        let refused = if expect { "i32.eq" } else { "i32.ne" };
        let body = format!(
            "(if ({refused} (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable)) (global.get $ok)"
        );
        lab.run(&[lab.stage(&Guest::new().open(&body).component()).plan()], [&b"m"[..]])
    };
    for (pages, fits) in [(496, true), (497, false), (65535, false), (1, true)] {
        let ran = grow(pages, fits);
        assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", "m"), "{pages}");
        let expect = if fits { (16 + u64::from(pages)) << 16 } else { 16 << 16 };
        assert_eq!(ran.records[0].memory_peak, expect, "{pages}");
    }
    // What it has at the start is known before it is compiled; a stage may have less than its tenant.
    let load = |pages: u32| lab.load(&Guest::new().pages(pages).component()).err().map(|e| e.to_string());
    assert_eq!(load(512), None);
    assert_eq!(load(513).as_deref(), Some("memory at the start: 32832KiB, `memory_per_instance` is 32MiB"));
    let start = |pages: u32| {
        let stage = lab.stage(&Guest::new().pages(pages).component());
        stage.limits(|limits| limits.memory = 16 << 20).try_plan().err()
    };
    assert_eq!(start(256), None);
    assert_eq!(start(257).as_deref(), Some("`configure` asked for more than its 16777216 bytes of memory"));
}

/// Goal: a guest that gives up because it got no memory has run out of memory, which the client may see as a budget.
#[test]
fn a_guest_that_gives_up_for_want_of_memory() {
    let lab = Lab::new();
    let body =
        "(if (i32.eq (memory.grow (i32.const 5000)) (i32.const -1)) (then unreachable)) (global.get $ok)";
    let ran = lab.run(&[lab.stage(&Guest::new().write(body).component()).plan()], [&b"m"[..]]);
    assert_eq!(ran.end(), "failed budget: guest: memory: asked for more than its 33554432 bytes of memory");
}

/// Runs a loop in each call in turn under a budget of 30 ms. Gives the end and the CPU time in microseconds.
fn looping(lab: &Lab, guest: &Guest, pieces: &[&[u8]]) -> (String, u64) {
    let limits = |limits: &mut gatepost::wasm::StageLimits| {
        limits.cpu_per_message = Duration::from_millis(30);
        limits.cpu_per_mib = Duration::ZERO;
    };
    let ran = lab.run(&[lab.stage(&guest.component()).limits(limits).plan()], pieces.iter().copied());
    (ran.end(), ran.records[0].cpu_us)
}

/// Goal: a loop ends within its budget and a little, wherever it is.
/// Method: the thread's CPU time, so a busy machine makes no difference; 250 ms of grace are more than ten epochs.
#[test]
fn loops_end_within_their_budget() {
    let lab = Lab::new();
    let forever = "(loop (br 0)) unreachable";
    let fill = "(loop (memory.fill (i32.const 65536) (i32.const 7) (i32.const 900000)) (br 0)) unreachable";
    for body in [forever, fill] {
        for guest in [Guest::new().open(body), Guest::new().write(body), Guest::new().close(body)] {
            let (end, cpu_us) = looping(&lab, &guest, &[b"m"]);
            assert_eq!(end, "failed budget: guest: cpu: used its 30 ms of CPU time");
            assert!((29_000..280_000).contains(&cpu_us), "{cpu_us} us");
        }
    }
}

/// Goal: a budget is for the message, not for each call.
#[test]
fn cpu_adds_up_over_calls() {
    let lab = Lab::new();
    // About a millisecond a call, with no epoch to catch it within one.
    let spin = "(local $n i32) (local.set $n (i32.const 1000000))
        (loop $more (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (global.get $ok)";
    let pieces = vec![&b"m"[..]; 5000];
    let (end, cpu_us) = looping(&lab, &Guest::new().write(spin), &pieces);
    assert_eq!(end, "failed budget: guest: cpu: used its 30 ms of CPU time");
    assert!(cpu_us < 280_000, "{cpu_us} us");
}
