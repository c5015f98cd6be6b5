//! A tenant whose processors are hostile hurts only itself: over SMTP, beside another tenant whose mail flows.
//!
//! Each round sends one message to every hostile chain, while an honest client keeps sending. A hostile message ends in
//! 451, within its budget, with nothing in the tenant's Maildir; the honest ones are all delivered; the process stays the
//! same, and no instance is left.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};
use serde_json::Value;

/// CPU budget of a stage for a message, in milliseconds, as the servers here are set up.
const BUDGET_MS: u64 = 100;
/// What a stage may use beyond its budget, in microseconds (`memory.fill` sees an epoch only when it has ended).
const GRACE_US: u64 = 250_000;
/// How long a reply may take on a machine that is busy with everything else. Not a measurement: it must not hang.
const REPLY_WITHIN: Duration = Duration::from_secs(10);
/// A stage's budget grows with its input; the longest message here is far below a MiB.
const MESSAGE_LINES: usize = 20_000;

/// A hostile processor: its name, its component, and the reasons in the log that fit what it does.
struct Hostile {
    name: &'static str,
    component: Vec<u8>,
    reasons: &'static [&'static str],
}

fn hostile(name: &'static str, reasons: &'static [&'static str], guest: &Guest) -> Hostile {
    Hostile { name, component: guest.component(), reasons }
}

const LOOP: &str = "(loop (br 0)) unreachable";
const TRAP: &str = "unreachable";

/// Does nothing for 49 writes, then this.
fn at_the_50th_write(body: &str) -> Guest {
    Guest::new().items("(global $n (mut i32) (i32.const 0))").write(&format!(
        "(global.set $n (i32.add (global.get $n) (i32.const 1)))
         (if (i32.lt_u (global.get $n) (i32.const 50)) (then (return (global.get $ok)))) {body}"
    ))
}

/// In every call that a message makes. `start` and `configure` are pure, so they do the same when the chain is loaded:
/// `a_chain_that_hangs_when_checked_is_refused`.
fn loops_and_traps() -> Vec<Hostile> {
    vec![
        hostile("loop-open", &["cpu"], &Guest::new().open(LOOP)),
        hostile("loop-write", &["cpu"], &Guest::new().write(LOOP)),
        hostile("loop-50th", &["cpu"], &at_the_50th_write(LOOP)),
        hostile("loop-close", &["cpu"], &Guest::new().close(LOOP)),
        hostile("trap-open", &["trap"], &Guest::new().open(TRAP)),
        hostile("trap-write", &["trap"], &Guest::new().write(TRAP)),
        hostile("trap-50th", &["trap"], &at_the_50th_write(TRAP)),
        hostile("trap-close", &["trap"], &Guest::new().close(TRAP)),
        hostile("divide", &["trap"], &Guest::new().write("(i32.div_s (i32.const 1) (i32.const 0))")),
        hostile("outside", &["trap"], &Guest::new().write("(i32.load (i32.const -4))")),
        hostile(
            "recursion",
            &["stack"],
            &Guest::new().items("(func $deep (call $deep))").write("(call $deep) (global.get $ok)"),
        ),
    ]
}

/// What wants memory, output or the log.
fn greedy() -> Vec<Hostile> {
    let grow = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let grow_forever = "(loop $more (drop (memory.grow (i32.const 1))) (br $more)) unreachable";
    let fill = "(drop (memory.grow (i32.const 496)))
        (loop $more (memory.fill (i32.const 65536) (i32.const 7) (i32.const 33488896)) (br $more)) unreachable";
    let small = "(loop $more (br_if $more (call $next (i32.const 65536) (i32.const 16)))) (call $replaced)";
    let heedless = "(loop $more (drop (call $next (i32.const 65536) (i32.const 16))) (br $more)) unreachable";
    let huge =
        "(drop (memory.grow (i32.const 400))) (drop (call $next (i32.const 65536) (i32.const 26000000)))
        (call $replaced)";
    let absurd = "(drop (call $next (i32.const 65536) (i32.const -1))) (call $replaced)";
    let ratio = "(drop (memory.grow (i32.const 100)))
        (drop (call $next (i32.const 0) (i32.add (i32.const 1048577) (i32.mul (local.get $len) (i32.const 4)))))
        (call $replaced)";
    let log = "(loop $more (call $emit (i32.const 3) @\"{\\22event\\22:\\22message\\22}\\0a\") (br $more)) unreachable";
    let count = "(loop $more (call $count @\"n\" (i64.const 1)) (br $more)) unreachable";
    let fact = "(loop $more (drop (call $set_fact @\"x.a\" @\"v\")) (br $more)) unreachable";
    vec![
        hostile("grow", &["memory"], &Guest::new().write(grow)),
        hostile("grow-on", &["cpu", "memory"], &Guest::new().write(grow_forever)),
        hostile("fill", &["cpu"], &Guest::new().write(fill)),
        hostile("flood-small", &["output"], &Guest::new().write(small)),
        hostile("flood-heedless", &["output", "cpu"], &Guest::new().write(heedless)),
        hostile("flood-huge", &["output", "trap"], &Guest::new().write(huge)),
        hostile("flood-absurd", &["trap"], &Guest::new().write(absurd)),
        hostile("flood-ratio", &["output"], &Guest::new().write(ratio)),
        hostile("flood-log", &["cpu"], &Guest::new().write(log)),
        hostile("flood-count", &["cpu"], &Guest::new().write(count)),
        hostile("flood-facts", &["cpu"], &Guest::new().write(fact)),
    ]
}

/// Every hostile chain is a domain of the tenant `mallory-NAME`; the honest tenant has a sandboxed stage as well.
fn server(all: &[Hostile]) -> Server {
    let limits = format!("cpu_per_message = \"{BUDGET_MS}ms\"\ncpu_per_mib = \"0ms\"");
    let mut builder = Server::builder()
        // Counts are logged at debug: a hundred milliseconds of them are many lines.
        .section("telemetry", "log = \"info\"")
        .section("limits", &limits)
        .chain("honest", "honest.example", "header | good | compress | decompress | maildir")
        .file("catalog/processors/honest/good/1.0.0.wasm", &Guest::new().component());
    for one in all {
        let tenant = format!("mallory-{}", one.name);
        builder = builder
            .chain(&tenant, &format!("{}.example", one.name), "header | bad | maildir")
            .file(&format!("catalog/processors/{tenant}/bad/1.0.0.wasm"), &one.component);
    }
    builder.start()
}

fn message() -> Vec<u8> {
    let mut message = b"From: a@b\r\nSubject: hello\r\n\r\n".to_vec();
    message.extend(
        std::iter::repeat_n(b"forty-two bytes of a line that is whole.\r\n", MESSAGE_LINES).flatten(),
    );
    message
}

/// Sends to the honest tenant until told to stop. Gives how many were sent, and the longest wait for a reply.
fn honest_client(address: SocketAddr, stop: &AtomicBool) -> (usize, Duration) {
    let mut client = Smtp::connect(address).unwrap();
    client.expect("EHLO client.test", 250);
    let (mut sent, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) || sent < 3 {
        let began = Instant::now();
        let reply =
            client.deliver("a@b.example", &["one@honest.example"], b"Subject: hi\r\n\r\nbody\r\n").unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text());
        longest = longest.max(began.elapsed());
        sent += 1;
    }
    (sent, longest)
}

/// One message to every hostile chain, all the while honest mail flows.
fn round(server: &Server, all: &[Hostile]) {
    let (address, message) = (server.mx(), message());
    let stop = AtomicBool::new(false);
    let delivered_before = server.maildir("honest").count();
    let (sent, longest) = std::thread::scope(|scope| {
        let honest = scope.spawn(|| honest_client(address, &stop));
        let attacks: Vec<_> = all
            .iter()
            .map(|one| {
                let to = format!("victim@{}.example", one.name);
                let message = &message;
                scope.spawn(move || {
                    let began = Instant::now();
                    let reply = Smtp::one_message(address, "a@b.example", &[&to], message);
                    (one.name, reply, began.elapsed())
                })
            })
            .collect();
        for attack in attacks {
            let (name, reply, took) = attack.join().unwrap();
            let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(reply.code, 451, "{name}: {}", reply.text());
            assert!(reply.text().starts_with("451 4.3."), "{name}: {}", reply.text());
            assert!(took < REPLY_WITHIN, "{name} took {took:?}");
        }
        stop.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    });
    assert!(longest < REPLY_WITHIN, "an honest message took {longest:?}");
    assert_eq!(server.maildir("honest").count() - delivered_before, sent);
    for one in all {
        let maildir = server.maildir(&format!("mallory-{}", one.name));
        assert_eq!((maildir.count(), maildir.unfinished().len()), (0, 0), "{}", one.name);
    }
    until("every instance to be gone", || (server.metric("gatepost_instances_live") == 0.0).then_some(()));
}

/// What the log says of a hostile tenant's messages.
fn of_tenant(records: &[Value], one: &Hostile) -> Vec<Value> {
    let tenant = format!("mallory-{}", one.name);
    records.iter().filter(|record| record["tenant"] == tenant.as_str()).cloned().collect()
}

/// Each message cost at most its budget, and its end is told once, with the right reason.
fn the_log_tells(server: &Server, all: &[Hostile], rounds: usize) {
    let messages = until("the records of the hostile messages", || {
        let messages = server.records("message");
        all.iter().all(|one| of_tenant(&messages, one).len() >= rounds).then_some(messages)
    });
    let failures = server.records("stage_failed");
    for one in all {
        let messages = of_tenant(&messages, one);
        assert_eq!(messages.len(), rounds, "{}: one record for each message", one.name);
        for record in messages {
            assert_eq!(record["verdict"], "failed", "{record}");
            let stage = &record["stages"][1];
            assert_eq!((&stage["name"], &stage["outcome"]), (&"bad".into(), &"failed".into()), "{record}");
            let cpu_us = stage["cpu_us"].as_u64().unwrap();
            assert!(cpu_us < BUDGET_MS * 1000 + GRACE_US, "{}: {cpu_us} us", one.name);
            assert!(stage["memory_peak"].as_u64().unwrap() <= 32 << 20, "{record}");
        }
        let failures = of_tenant(&failures, one);
        assert_eq!(failures.len(), rounds, "{}", one.name);
        for record in failures {
            let reason = record["reason"].as_str().unwrap();
            assert!(one.reasons.contains(&reason), "{}: {record}", one.name);
        }
    }
}

fn attack(all: &[Hostile]) {
    let server = server(all);
    let process = server.pid();
    for _ in 0..2 {
        round(&server, all);
    }
    the_log_tells(&server, all, 2);
    assert_eq!(server.pid(), process);
    assert_eq!(server.records("started").len(), 1, "the same process lives");
    for one in all.iter().filter(|one| one.name == "flood-log") {
        let logged = of_tenant(&server.records("stage_log"), one);
        assert!((2..=2 * 129).contains(&logged.len()), "{} records", logged.len());
    }
}

/// Goal: a loop or a trap in any call ends that one message.
#[test]
fn loops_and_traps_hurt_only_their_own_message() {
    attack(&loops_and_traps());
}

/// Goal: neither memory nor output nor the log can be flooded.
#[test]
fn greed_hurts_only_its_own_message() {
    attack(&greedy());
}

/// Goal: after a second round of memory bombs the process is no larger than after the first.
#[test]
fn memory_bombs_leave_no_memory_behind() {
    let all: Vec<_> = greedy()
        .into_iter()
        .filter(|one| matches!(one.name, "grow" | "fill" | "flood-huge" | "flood-ratio"))
        .collect();
    let server = server(&all);
    round(&server, &all);
    round(&server, &all);
    let after_the_first = server.memory();
    for _ in 0..4 {
        round(&server, &all);
    }
    let allowed = after_the_first + after_the_first / 5 + (16 << 20);
    assert!(server.memory() < allowed, "{} bytes, then {}", after_the_first, server.memory());
}

/// Goal: what hangs or traps before there is a message never gets as far as one: its chain is refused when it is loaded,
/// its domain gets 451, and the others are served.
#[test]
fn a_chain_that_hangs_when_checked_is_refused() {
    let all = [
        hostile("loop-start", &[], &Guest::new().items("(start $s) (func $s (loop (br 0)))")),
        hostile("loop-describe", &[], &Guest::new().describe(LOOP)),
        hostile("loop-configure", &[], &Guest::new().configure(LOOP)),
        hostile("trap-start", &[], &Guest::new().items("(start $s) (func $s unreachable)")),
        hostile("trap-configure", &[], &Guest::new().configure(TRAP)),
    ];
    let server = server(&all);
    let refused = server.records("tenant_refused");
    for one in &all {
        let problems: String =
            of_tenant(&refused, one).iter().map(|record| record["problems"].to_string()).collect();
        assert!(
            problems.contains(&format!("`mallory-{}/bad@1.0.0`: ", one.name)),
            "{}: {problems}",
            one.name
        );
        let expect = if one.name.starts_with("loop") { "ms of CPU time" } else { "trapped" };
        assert!(problems.contains(expect), "{}: {problems}", one.name);
        let mut client = server.smtp();
        client.expect("MAIL FROM:<a@b.example>", 250);
        let reply = client.expect(&format!("RCPT TO:<victim@{}.example>", one.name), 451);
        assert!(reply.text().starts_with("451 4.3.5"), "{}", reply.text());
    }
    let reply =
        Smtp::one_message(server.mx(), "a@b.example", &["one@honest.example"], b"Subject: hi\r\n\r\nx\r\n");
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(server.maildir("honest").count(), 1);
}
