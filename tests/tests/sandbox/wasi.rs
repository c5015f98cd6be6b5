//! `[host] wasi = "stub"`: programs built for WASI start, and find a world that stands still and has nothing in it.

use gatepost::chain::{Fixed, PlannedStage};
use gatepost::mail::{Envelope, MessageId};
use gatepost::telemetry::{Event, Level};
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

use crate::{MESSAGE, PIECES};

fn guest() -> Guest {
    Guest::new().wasi("0.2.0")
}

fn plan(lab: &Lab, guest: &Guest) -> PlannedStage {
    lab.stage(&guest.component()).wasi().limits(|limits| limits.handles = 1000).plan()
}

/// Runs `open` of a guest with the stub.
fn run(lab: &Lab, open: &str) -> Ran {
    lab.run(&[plan(lab, &guest().open(&format!("(local $n i32) {open} (global.get $ok)")))], PIECES)
}

/// Runs `open`, which must leave the message as it is.
fn accepted(lab: &Lab, open: &str) -> Ran {
    let ran = run(lab, open);
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", MESSAGE), "{open}");
    ran
}

/// Runs `open`, which must end the stage with a trap that says so.
fn traps(lab: &Lab, open: &str, why: &str) {
    let end = run(lab, open).end();
    assert!(end.starts_with("failed: guest: trap: ") && end.contains(why), "{open}: {end}");
}

/// Runs `open`, which must end the stage for want of handles.
fn past_the_handles(lab: &Lab, open: &str) {
    let end = run(lab, open).end();
    assert!(end.starts_with("failed budget: guest: handles: "), "{open}: {end}");
}

fn refused(lab: &Lab, guest: &Guest) -> String {
    lab.load(&guest.component()).unwrap_err().to_string()
}

/// Goal: no clock moves, or a guest could tell how long something took.
/// Method: a million samples of each clock, all equal, and equal in another message.
#[test]
fn clocks_stand_still() {
    let lab = Lab::new();
    let sample = "(local $n i32) (local.set $n (i32.const 1000000))
        (call $wall (i32.const 128)) (i64.store (i32.const 256) (i64.load (i32.const 128)))
        (i32.store (i32.const 264) (i32.load (i32.const 136))) (i64.store (i32.const 272) (call $ticks))
        (loop $more
          (call $wall (i32.const 128))
          (if (i64.ne (i64.load (i32.const 256)) (i64.load (i32.const 128))) (then unreachable))
          (if (i32.ne (i32.load (i32.const 264)) (i32.load (i32.const 136))) (then unreachable))
          (if (i64.ne (i64.load (i32.const 272)) (call $ticks)) (then unreachable))
          (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (drop (call $next (i32.const 256) (i32.const 24)))
        (global.get $ok)";
    let component = guest().open(sample).component();
    let generous = |limits: &mut gatepost::wasm::StageLimits| {
        limits.cpu_per_message *= 100;
        limits.host_calls = u64::MAX;
    };
    let stage = [lab.stage(&component).wasi().limits(generous).plan()];
    let (one, other) = (lab.run(&stage, PIECES), lab.run(&stage, PIECES));
    assert_eq!((one.end().as_str(), other.end().as_str()), ("accept", "accept"));
    assert_eq!(one.output, other.output);
    assert_eq!(one.output[..12], [&946_684_800_u64.to_le_bytes()[..], &[0; 4]].concat(), "2000-01-01");
}

/// Goal: who sleeps does not hold an instance: time that stands still has always come.
#[test]
fn a_sleep_ends_at_once() {
    let lab = Lab::new();
    let forever = "(call $sleep (i64.const -1))";
    for sleep in [forever, "(call $sleep (i64.const 0))", "(call $sleep_until (i64.const -1))"] {
        accepted(&lab, &format!("(call $pollable_block {sleep})"));
        accepted(&lab, &format!("(if (i32.eqz (call $pollable_ready {sleep})) (then unreachable))"));
        let poll = format!(
            "(i32.store (i32.const 200) {sleep}) (i32.store (i32.const 204) {forever})
             (call $poll (i32.const 200) (i32.const 2) (i32.const 128))
             (if (i32.ne (i32.load (i32.const 132)) (i32.const 2)) (then unreachable))"
        );
        accepted(&lab, &poll);
    }
    traps(&lab, "(call $poll (i32.const 200) (i32.const 0) (i32.const 128))", "empty poll list");
}

/// What `open` draws from every source of random numbers.
const DRAW: &str = "(call $random_bytes (i64.const 20) (i32.const 128))
    (drop (call $next (i32.load (i32.const 128)) (i32.load (i32.const 132))))
    (i64.store (i32.const 200) (call $random_u64))
    (call $insecure_bytes (i64.const 3) (i32.const 128))
    (drop (call $next (i32.load (i32.const 128)) (i32.load (i32.const 132))))
    (call $seed (i32.const 208))
    (drop (call $next (i32.const 200) (i32.const 24))) (global.get $ok)";

fn drawn(lab: &Lab, stage: PlannedStage, message: u64) -> Vec<u8> {
    let envelope = Envelope::new(MessageId::next(message), None, Vec::new());
    let ran = lab.run_envelope(&[stage], envelope, PIECES);
    assert_eq!(ran.end(), "accept");
    ran.output[..20 + 3 + 24].to_vec()
}

/// Goal: the same seed gives the same bytes, another seed others; the seed is a test's own, or the message's id.
#[test]
fn random_numbers_are_drawn_from_a_seed() {
    let lab = Lab::new();
    let component = guest().open(DRAW).component();
    let of_seed = |seed| {
        let stage = lab.stage(&component).wasi().fixed(Fixed { now_ms: 0, seed }).plan();
        drawn(&lab, stage, 1)
    };
    assert_eq!(of_seed(7), of_seed(7));
    assert_ne!(of_seed(7), of_seed(8));

    let stage = |label| lab.stage(&component).wasi().label(label).plan();
    let id = MessageId::next(1);
    let of_id = |id: &MessageId, label| {
        let ran = lab.run_envelope(&[stage(label)], Envelope::new(id.clone(), None, Vec::new()), PIECES);
        ran.output
    };
    assert_eq!(of_id(&id, "one"), of_id(&id, "one"));
    assert_ne!(of_id(&id, "one"), of_id(&id, "two"), "two stages draw their own");
    assert_ne!(of_id(&id, "one"), of_id(&MessageId::next(1), "one"));
}

/// Goal: no guest makes the host hold more than it asks of a call.
#[test]
fn random_bytes_are_bounded() {
    let lab = Lab::new();
    accepted(&lab, "(call $random_bytes (i64.const 65536) (i32.const 128))");
    for len in ["65537", "4294967296", "-1"] {
        let why = "gives at most 65536 bytes a call";
        traps(&lab, &format!("(call $random_bytes (i64.const {len}) (i32.const 128))"), why);
        traps(&lab, &format!("(call $insecure_bytes (i64.const {len}) (i32.const 128))"), why);
    }
}

/// What stages said, with the level.
fn said(ran: &Ran) -> Vec<(Level, String)> {
    let said = ran.events.iter().filter_map(|event| match &**event {
        Event::StageLog { level, text, .. } => Some((*level, text.clone())),
        _ => None,
    });
    said.collect()
}

/// Prints to `stdout` or `stderr`, and traps where it is not taken.
fn print(stream: &str, text: &str) -> String {
    format!(
        "(call $print (call ${stream}) @\"{text}\" (i32.const 128))
         (if (i32.load8_u (i32.const 128)) (then unreachable))"
    )
}

/// Goal: what is printed is logged line by line, however it was cut; stdout as info, stderr as warn.
#[test]
fn prints_are_log_records() {
    let lab = Lab::new();
    let open = [
        print("stdout", "one "),
        print("stderr", "warned\nand "),
        print("stdout", "line\n\ntwo\r\nthree"),
        print("stderr", "again"),
    ];
    let expect = [
        (Level::Warn, "warned"),
        (Level::Info, "one line"),
        (Level::Info, "two"),
        (Level::Info, "three"),
        (Level::Warn, "and again"),
    ];
    assert_eq!(said(&accepted(&lab, &open.concat())), expect.map(|(level, text)| (level, text.to_owned())));
    // The last words of who dies are the ones that matter.
    let ran = run(&lab, &(print("stderr", "panicked at the disco") + "unreachable"));
    assert!(ran.end().starts_with("failed: guest: trap: "), "{}", ran.end());
    assert_eq!(said(&ran), [(Level::Warn, "panicked at the disco".to_owned())]);
}

/// Goal: printing is bounded as logging is: a record holds 1 KiB, a message 8 KiB.
#[test]
fn prints_have_the_log_budget() {
    let lab = Lab::new();
    let line = "l".repeat(1024);
    let ran = accepted(&lab, &print("stdout", &format!("{line}{line}\u{e4}\n")));
    assert_eq!(ran.logged(), std::slice::from_ref(&line), "cut at 1 KiB");
    let many = |times: u32, text: &str| {
        let loops = format!(
            "(local.set $n (i32.const {times}))
             (loop $more {} (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
            print("stdout", text)
        );
        // Each turn opens a stream of its own: they are dropped with the instance, or one is used for all.
        let once = loops.replace("(call $stdout)", "(global.get $console)");
        let guest = guest()
            .items("(global $console (mut i32) (i32.const 0))")
            .open(&format!("(local $n i32) (global.set $console (call $stdout)) {once} (global.get $ok)"));
        lab.run(&[plan(&lab, &guest)], PIECES).logged()
    };
    let whole = line.clone() + "\n";
    let spent = "log budget of this message is spent";
    assert_eq!(many(8, &whole).len(), 8);
    for times in [9, 1000] {
        let logged = many(times, &whole);
        assert_eq!((logged.len(), logged[8].as_str()), (9, spent), "{times}");
    }
    assert_eq!(many(1000, "\n").len(), 0, "empty lines say nothing");
    assert_eq!(many(1000, "x\n").len(), 129, "128 of the smallest, and one that says it is over");
    // A million bytes without a line break are one record.
    assert_eq!(many(1000, &line), [line.as_str()]);
}

/// Goal: streams keep to WASI's rules, and no write makes the host hold more than 4 KiB.
#[test]
fn streams_are_bounded() {
    let lab = Lab::new();
    let write = |call: &str, len: u32| {
        format!("({call} (call $stdout) (i32.const 65536) (i32.const {len}) (i32.const 128))")
    };
    for call in ["call $print", "call $print_now"] {
        accepted(&lab, &write(call, 4096));
        let end = run(&lab, &write(call, 4097)).end();
        assert!(end.starts_with("failed: guest: trap: "), "{end}");
    }
    accepted(&lab, "(call $zeroes (call $stdout) (i64.const 4096) (i32.const 128))");
    for len in ["4097", "4294967296", "-1"] {
        let zeroes = format!("(call $zeroes (call $stdout) (i64.const {len}) (i32.const 128))");
        traps(&lab, &zeroes, "cannot write more zeroes");
    }
}

/// Goal: nothing of the host is seen: no environment, no arguments, no folder, no input.
#[test]
fn there_is_nothing_there() {
    let lab = Lab::new();
    for list in ["$environment", "$arguments", "$folders"] {
        accepted(
            &lab,
            &format!(
                "(i32.store (i32.const 132) (i32.const 1)) (call {list} (i32.const 128)) (if (i32.load (i32.const 132)) (then unreachable))"
            ),
        );
    }
    accepted(
        &lab,
        "(i32.store (i32.const 128) (i32.const 1)) (call $cwd (i32.const 128)) (if (i32.load8_u (i32.const 128)) (then unreachable))",
    );
    // `closed` is case 1 of an error, which is case 1 of the result.
    for read in ["$read", "$read_wait"] {
        accepted(
            &lab,
            &format!(
                "(call {read} (call $stdin) (i64.const -1) (i32.const 128))
                 (if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 1)) (then unreachable))
                 (if (i32.ne (i32.load8_u (i32.const 132)) (i32.const 1)) (then unreachable))"
            ),
        );
    }
    accepted(&lab, "(call $pollable_block (call $input_poll (call $stdin)))");
}

/// Goal: `exit` ends that instance as a trap does, whatever the code; the next message is served.
#[test]
fn exit_is_a_trap() {
    let lab = Lab::new();
    traps(&lab, "(call $exit (i32.const 0))", "the guest called `exit` with success");
    traps(&lab, "(call $exit (i32.const 1))", "the guest called `exit` with failure");
    accepted(&lab, "");
}

/// Goal: resources are counted: an instance may hold 1000, and what it gives back it may have again.
#[test]
fn resources_are_bounded() {
    let lab = Lab::new();
    let times = |n: u32, body: &str| {
        format!(
            "(local.set $n (i32.const {n}))
             (loop $more {body} (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        )
    };
    accepted(&lab, &times(1000, "(drop (call $stdout))"));
    past_the_handles(&lab, &times(1001, "(drop (call $stdout))"));
    accepted(&lab, &times(10_000, "(call $output_drop (call $stdout))"));
    accepted(&lab, &times(1000, "(drop (call $sleep (i64.const 1)))"));
    past_the_handles(&lab, &times(1001, "(drop (call $sleep (i64.const 1)))"));
    accepted(&lab, &times(10_000, "(call $pollable_drop (call $sleep (i64.const 1)))"));

    let same = |n: u32| {
        format!(
            "{} (call $poll (i32.const 65536) (i32.const {n}) (i32.const 128))",
            times(
                n,
                "(i32.store (i32.add (i32.const 65532) (i32.shl (local.get $n) (i32.const 2))) (i32.const 1))"
            )
        )
    };
    // What is lent for the call counts too.
    accepted(&lab, &format!("(drop (call $sleep (i64.const 1))) {}", same(999)));
    past_the_handles(&lab, &format!("(drop (call $sleep (i64.const 1))) {}", same(1000)));
}

/// Goal: resources that a guest makes of its own are counted with the rest: they take the host's memory, which no memory
/// limit sees.
#[test]
fn resources_of_its_own_are_bounded() {
    let lab = Lab::new();
    let flood = |n: u32| {
        let guest = Guest::new()
            .wit("interface processor {", "interface things { resource thing { } } interface processor {")
            .wit("export processor;", "export processor; export things;")
            .items(
                "(func (export \"gatepost:processor/things@0.1.0#[dtor]thing\") (param i32))",
            )
            .open(&format!(
                "(local $n i32) (local.set $n (i32.const {n}))
                 (loop $more (drop (call $make (i32.const 1)))
                   (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                 (global.get $ok)"
            ))
            .wat("(module", "(module (import \"[export]gatepost:processor/things@0.1.0\" \"[resource-new]thing\" (func $make (param i32) (result i32)))");
        lab.run(&[lab.stage(&guest.component()).limits(|limits| limits.handles = 1000).plan()], PIECES).end()
    };
    assert_eq!(flood(1000), "accept");
    let end = flood(1001);
    assert!(end.starts_with("failed budget: guest: handles: "), "{end}");
}

/// Goal: without the stub each import is refused by name, and what to do is said; with it none is.
#[test]
fn the_stub_is_the_hosts_to_give() {
    let lab = Lab::new();
    let component =
        guest().open("(drop (call $ticks)) (call $wall (i32.const 128)) (global.get $ok)").component();
    let missing = lab.stage(&component).try_plan().err().unwrap_or_default();
    let lines = ["wasi:clocks/wall-clock@0.2.0", "wasi:clocks/monotonic-clock@0.2.0"]
        .map(|import| format!("imports `{import}`: needs `[host] wasi = \"stub\"`, which the host sets"));
    for line in lines {
        assert!(missing.contains(&line), "{missing}");
    }
    // Grants are another matter.
    let granted = lab.stage(&component).grants(&["clock", "random", "kv", "envelope"]).try_plan();
    assert!(granted.err().is_some_and(|text| text.contains("wasi = ")));
    assert!(lab.stage(&component).wasi().try_plan().is_ok());
}

/// Goal: sockets and http are refused by name, with the stub and without: there is nothing to switch on.
#[test]
fn sockets_and_http_are_never_given() {
    let lab = Lab::new();
    for (import, call) in
        [("wasi:sockets/tcp", "(call $socket)"), ("wasi:http/outgoing-handler", "(call $http)")]
    {
        let text = refused(&lab, &guest().open(&format!("{call} (global.get $ok)")));
        assert_eq!(text, format!("imports `{import}@0.2.0`: sockets and http are given to no processor"));
    }
}

/// Goal: every 0.2 is linked, also one that is newer than ours; no other version is.
#[test]
fn versions_that_fit_are_linked() {
    let lab = Lab::new();
    let everything = "(drop (call $next @\"x\")) (call $pollable_block (call $sleep (i64.const 1)))
        (call $wall (i32.const 128)) (call $environment (i32.const 128)) (drop (call $random_u64))
        (call $folders (i32.const 128)) (call $print (call $stdout) @\"hello\" (i32.const 128)) (global.get $ok)";
    for version in ["0.2.0", "0.2.3", "0.2.6", "0.2.99"] {
        let stage = plan(&lab, &Guest::new().wasi(version).open(everything));
        assert_eq!(lab.run(&[stage], PIECES).end(), "accept", "{version}");
    }
    for version in ["0.3.0", "0.1.0", "1.0.0", "0.2.0-rc-2023-11-10"] {
        let text = refused(&lab, &Guest::new().wasi(version).open(everything));
        let expect = format!("imports `wasi:clocks/wall-clock@{version}`: of WASI there is version 0.2 only");
        assert!(text.contains(&expect), "{version}: {text}");
    }
}

/// Goal: libraries ask for a seed, a clock or the environment before there is a message; the answers are always the same.
#[test]
fn the_stub_answers_before_there_is_a_message() {
    let lab = Lab::new();
    let ask = "(drop (call $ticks)) (call $environment (i32.const 128)) (call $seed (i32.const 128))
        (if (i64.ne (i64.load (i32.const 128)) (i64.const -2152535657050944081)) (then unreachable))";
    let silent = guest()
        .describe(&format!("{ask} (call $description)"))
        .configure(&format!("{ask} {} (global.get $ok)", print("stdout", "hello")));
    let ran = lab.run(&[plan(&lab, &silent)], PIECES);
    assert_eq!(ran.end(), "accept");
    assert_eq!(ran.logged(), [""; 0], "what `configure` prints is of no message");
    // Where it fails, what it printed is most often why.
    let dies = |text: &str| format!("{} unreachable", print("stderr", text));
    let text = refused(&lab, &guest().describe(&dies("no good\nreason")));
    assert!(text.contains("it said: no good\\nreason"), "{text}");
    let stage = guest().configure(&dies(&"m".repeat(2000)));
    let text = lab.stage(&stage.component()).wasi().try_plan().err().unwrap_or_default();
    assert!(text.contains(&"m".repeat(1024)) && !text.contains(&"m".repeat(1025)), "{text}");
}
