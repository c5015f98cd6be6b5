//! What a stage may do only where it was granted: edit the envelope, tell the time, draw random bytes, remember.

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{KV_CALLS_MAX, KV_SIZE_MAX, Lab, Ran};

use crate::{MESSAGE, PIECES};

const ALL: [&str; 4] = ["kv", "clock", "random", "envelope"];

/// A guest against a world that imports every capability; only those that it calls are in its component.
fn guest() -> Guest {
    Guest::new()
        .wit("import next;", "import next; import kv; import clock; import random; import envelope-edit;")
}

fn run_with(lab: &Lab, grants: &[&str], guest: &Guest) -> Ran {
    lab.run(&[lab.stage(&guest.component()).grants(grants).plan()], PIECES)
}

/// Runs `open`, which must leave the message as it is.
fn accepted(lab: &Lab, grants: &[&str], open: &str) -> Ran {
    let ran = run_with(lab, grants, &guest().open(&format!("{open} (global.get $ok)")));
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", MESSAGE), "{open}");
    ran
}

/// Traps unless the call answers `wanted`.
fn expect(call: &str, wanted: i32) -> String {
    format!("(if (i32.ne {call} (i32.const {wanted})) (then unreachable))")
}

fn recipients(ran: &Ran) -> Vec<String> {
    ran.envelope.recipients().iter().map(ToString::to_string).collect()
}

#[test]
fn the_envelope_is_edited() {
    let lab = Lab::new();
    let open = [
        expect("(call $set_sender (i32.const 1) @\"new@from.example\")", 1),
        expect("(call $add_rcpt @\"three@TO.example\")", 1),
        expect("(call $add_rcpt @\"three@to.example\")", 1),
        expect("(call $remove_rcpt @\"one@to.example\")", 1),
        expect("(call $remove_rcpt @\"one@to.example\")", 0),
    ];
    let ran = accepted(&lab, &["envelope"], &open.concat());
    assert_eq!(ran.envelope.sender().map(ToString::to_string).as_deref(), Some("new@from.example"));
    assert_eq!(recipients(&ran), ["two@to.example", "three@to.example"]);
    let null = expect("(call $set_sender (i32.const 0) (i32.const 0) (i32.const 0))", 1);
    assert_eq!(accepted(&lab, &["envelope"], &null).envelope.sender(), None);
}

#[test]
fn an_edit_that_does_not_fit_changes_nothing() {
    let lab = Lab::new();
    let open = [
        expect("(call $set_sender (i32.const 1) @\"no address\")", 0),
        expect("(call $add_rcpt @\"no address\")", 0),
        expect("(call $add_rcpt @\"a@foreign.example\")", 0),
        expect("(call $remove_rcpt @\"three@to.example\")", 0),
    ];
    let ran = accepted(&lab, &["envelope"], &open.concat());
    assert_eq!(ran.envelope.sender().map(ToString::to_string).as_deref(), Some("sender@from.example"));
    assert_eq!(recipients(&ran), ["one@to.example", "two@to.example"]);
    let last = [
        expect("(call $remove_rcpt @\"one@to.example\")", 1),
        expect("(call $remove_rcpt @\"two@to.example\")", 0),
    ];
    assert_eq!(recipients(&accepted(&lab, &["envelope"], &last.concat())), ["two@to.example"]);
    let foreign = expect("(call $add_rcpt @\"a@foreign.example\")", 1);
    let ran = accepted(&lab, &["envelope", "redirect"], &foreign);
    assert_eq!(recipients(&ran)[2], "a@foreign.example");
}

/// Goal: 100 recipients and no more.
#[test]
fn added_recipients_are_counted() {
    let lab = Lab::new();
    let added: String =
        (2..100).map(|n| expect(&format!("(call $add_rcpt @\"{n}@to.example\")"), 1)).collect();
    let past = expect("(call $add_rcpt @\"past@to.example\")", 0);
    assert_eq!(recipients(&accepted(&lab, &["envelope"], &(added + &past))).len(), 100);
}

/// Goal: once bytes have left the stage, later stages may have seen the envelope, so it stands.
/// Method: edit in `close`, after each way to let bytes out, and after none.
#[test]
fn the_envelope_stands_once_bytes_are_out() {
    let lab = Lab::new();
    let written = "(drop (call $next (local.get $ptr) (local.get $len))) (call $replaced)";
    for (write, editable) in [("(global.get $ok)", 0), (written, 0), ("(call $replaced)", 1)] {
        let close = expect("(call $add_rcpt @\"three@to.example\")", editable);
        let guest = guest().write(write).close(&format!("{close} (global.get $ok)"));
        let ran = run_with(&lab, &["envelope"], &guest);
        assert_eq!(ran.end(), "accept", "{write}");
        assert_eq!(recipients(&ran).len(), 2 + usize::try_from(editable).unwrap());
    }
}

/// Goal: a bypassed stage leaves no edit behind; one whose edit others have seen is not bypassed.
#[test]
fn edits_are_undone_on_bypass() {
    use gatepost::chain::OnFailure::Bypass;
    let lab = Lab::new();
    let edit = "(drop (call $add_rcpt @\"three@to.example\"))";
    let early = guest().open(&format!("{edit} (global.get $ok)")).write("unreachable");
    let stage = lab.stage(&early.component()).grants(&["envelope"]).on_failure(Bypass).plan();
    let ran = lab.run(&[stage], PIECES);
    assert_eq!((ran.end().as_str(), recipients(&ran).len()), ("accept", 2));
    let late = guest().open(&format!("{edit} (global.get $ok)")).close("unreachable");
    let stage = lab.stage(&late.component()).grants(&["envelope"]).on_failure(Bypass).plan();
    let ran = lab.run(&[stage], PIECES);
    assert!(ran.end().starts_with("failed: guest: trap: "), "{}", ran.end());
}

#[test]
fn the_clock_shows_the_time() {
    let lab = Lab::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let day = 86_400_000;
    let open = format!(
        "(if (i64.lt_u (call $now_ms) (i64.const {})) (then unreachable))
         (if (i64.gt_u (call $now_ms) (i64.const {})) (then unreachable))",
        now - day,
        now + day
    );
    accepted(&lab, &["clock"], &open);
}

/// Goal: a million looks at the clock cost the guest its own CPU time, and nobody else anything.
#[test]
fn a_clock_read_without_end_is_stopped() {
    let lab = Lab::new();
    let open = "(loop $more (drop (call $now_ms)) (br $more)) (global.get $ok)";
    let ran = run_with(&lab, &["clock"], &guest().open(open));
    assert!(ran.end().starts_with("failed budget: guest: cpu: "), "{}", ran.end());
}

#[test]
fn random_bytes_at_the_limit_and_one_past_it() {
    let lab = Lab::new();
    let bytes = |len: u32| format!("(call $random (i32.const {len}) (i32.const 128))");
    let same = "(if (i64.eq (i64.load (i32.load (i32.const 128))) (i64.const 0)) (then unreachable))";
    accepted(&lab, &["random"], &format!("{}{same}", bytes(65536)));
    let ran = run_with(&lab, &["random"], &guest().open(&format!("{} (global.get $ok)", bytes(65537))));
    assert!(
        ran.end().contains("gives at most 65536 bytes a call, but 65537 were asked for"),
        "{}",
        ran.end()
    );
}

/// Sets a key for good: the answer is ok, or `quota`.
fn sets(key: &str, value_len: usize, ok: bool) -> String {
    let call = format!(
        "(call $kv_set @\"{key}\" (i32.const 70000) (i32.const {value_len}) (i32.const 0) (i64.const 0) (i32.const 128))"
    );
    let is_ok = expect("(i32.load8_u (i32.const 128))", i32::from(!ok));
    let is_quota = if ok { String::new() } else { expect("(i32.load8_u (i32.const 132))", 0) };
    format!("{call}{is_ok}{is_quota}")
}

#[test]
fn what_is_remembered_is_found_by_the_next_message() {
    let lab = Lab::new();
    let add = |sum: i64| {
        format!(
            "(call $kv_add @\"n\" (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 128))
             (if (i64.ne (i64.load (i32.const 136)) (i64.const {sum})) (then unreachable))"
        )
    };
    accepted(&lab, &["kv"], &add(1));
    accepted(&lab, &["kv"], &add(2));
    let get = format!(
        "(call $kv_get @\"n\" (i32.const 128)) {}{}{}",
        expect("(i32.load8_u (i32.const 128))", 0),
        expect("(i32.load8_u (i32.const 132))", 1),
        expect("(i32.load8_u (i32.load (i32.const 136)))", i32::from(b'2')),
    );
    accepted(&lab, &["kv"], &get);
}

#[test]
fn keys_and_values_at_their_limits_and_one_past_them() {
    let lab = Lab::new();
    let (fits, past) = ("k".repeat(512), "k".repeat(513));
    accepted(&lab, &["kv"], &(sets(&fits, 65536, true) + &sets("k", 65537, false) + &sets(&past, 0, false)));
}

/// Goal: a tenant's space can be filled, and no more than that.
#[test]
fn a_full_space_is_an_answer() {
    let lab = Lab::new();
    // Entries of 64 KiB, their keys and 64 bytes each: 15 fit into 1 MiB.
    assert_eq!(KV_SIZE_MAX / (65536 + 64 + 2), 15);
    let fill: String = (10..25).map(|n| sets(&n.to_string(), 65536, true)).collect();
    accepted(&lab, &["kv"], &(fill + &sets("25", 65536, false) + &sets("10", 65536, true)));
}

/// Goal: a message makes so many calls and no more, each after that is an answer, and a guest that goes on is stopped.
#[test]
fn calls_are_counted() {
    let lab = Lab::new();
    let call = |key: &str| format!("(call $kv_get @\"{key}\" (i32.const 128))");
    let calls: String = (0..KV_CALLS_MAX).map(|_| call("k")).collect();
    let ok = expect("(i32.load8_u (i32.const 128))", 0);
    let past = format!("{}{}", call("k"), expect("(i32.load8_u (i32.const 128))", 1));
    accepted(&lab, &["kv"], &format!("{calls}{ok}{past}"));
    let endless = format!("(loop $more {} (br $more)) (global.get $ok)", call("k"));
    let ran = run_with(&lab, &["kv"], &guest().open(&endless));
    assert!(ran.end().starts_with("failed"), "{}", ran.end());
}

/// Goal: `describe` and `configure` are pure.
#[test]
fn capabilities_trap_before_there_is_a_message() {
    let lab = Lab::new();
    for (import, call) in [
        ("clock.now-ms", "(drop (call $now_ms))"),
        ("random.bytes", "(call $random (i32.const 1) (i32.const 128))"),
        ("kv.get", "(call $kv_get @\"k\" (i32.const 128))"),
        ("kv.set", "(call $kv_set @\"k\" @\"v\" (i32.const 0) (i64.const 0) (i32.const 128))"),
        ("kv.add", "(call $kv_add @\"k\" (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 128))"),
        ("envelope-edit.set-sender", "(drop (call $set_sender (i32.const 0) (i32.const 0) (i32.const 0)))"),
        ("envelope-edit.add-recipient", "(drop (call $add_rcpt @\"a@to.example\"))"),
        ("envelope-edit.remove-recipient", "(drop (call $remove_rcpt @\"one@to.example\"))"),
    ] {
        let expect = format!("`{import}` cannot be called from `describe` or `configure`");
        let describe = guest().describe(&format!("{call} (call $description)")).component();
        let error = lab.load(&describe).unwrap_err().to_string();
        assert!(error.contains(&expect), "{error}");
        let configure = guest().configure(&format!("{call} (global.get $ok)")).component();
        let error = lab.stage(&configure).grants(&ALL).try_plan().err().unwrap_or_default();
        assert!(error.contains(&expect), "{error}");
    }
}
