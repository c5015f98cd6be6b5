//! Verdicts, refusals, failures and configs of guests, held to the rules of `wit/processor.wit`.

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

use crate::{MESSAGE, PIECES};

fn run(lab: &Lab, guest: &Guest) -> Ran {
    lab.run(&[lab.stage(&guest.component()).plan()], PIECES)
}

/// Refuses with these; without an enhanced code where that is empty.
fn refuse(kind: u8, code: u16, enhanced: &str, text: &str) -> Guest {
    let enhanced =
        if enhanced.is_empty() { "(i32.const 0) (i32.const 0)".into() } else { format!("@\"{enhanced}\"") };
    Guest::new()
        .write(&format!("(call $refuse (i32.const {kind}) (i32.const {code}) {enhanced} @\"{text}\")"))
}

const REJECT: u8 = 0;
const DEFER: u8 = 1;

#[test]
fn refusals_reach_the_client_as_they_are() {
    let lab = Lab::new();
    let check = |guest: Guest, expect: &str| {
        let ran = run(&lab, &guest);
        assert_eq!(ran.end(), expect);
        assert_eq!((ran.text(), ran.failures.len()), (String::new(), 0));
        assert_eq!(ran.records[0].outcome, "refused");
    };
    check(refuse(REJECT, 550, "5.7.1", "No thanks"), "reject 550 5.7.1 No thanks");
    check(refuse(REJECT, 599, "5.999.0", "x"), "reject 599 5.999.0 x");
    check(refuse(REJECT, 500, "", "default"), "reject 500 5.7.1 default");
    check(refuse(DEFER, 400, "", "default"), "defer 400 4.7.1 default");
    check(refuse(DEFER, 499, "4.2.2", ""), "defer 499 4.2.2 ");
}

/// Goal: no text of a guest can forge a line, and none is longer than 400 bytes.
#[test]
fn the_text_of_a_reply_is_cleaned() {
    let lab = Lab::new();
    let text = |text: &str| run(&lab, &refuse(REJECT, 550, "5.7.1", text)).end();
    assert_eq!(text("no\r\n250 yes\0\u{1b}[2Jä\u{2028}"), "reject 550 5.7.1 no  250 yes  [2J??");
    let long = "x".repeat(400);
    assert_eq!(text(&long), format!("reject 550 5.7.1 {long}"));
    assert_eq!(text(&format!("{long}y")), format!("reject 550 5.7.1 {long}"));
}

/// Goal: a reply that does not fit its refusal is a failure, never passed on.
#[test]
fn a_reply_that_does_not_fit_is_a_failure() {
    let lab = Lab::new();
    for (kind, code, enhanced) in [
        (REJECT, 450, "4.7.1"),
        (REJECT, 450, "5.7.1"),
        (REJECT, 499, ""),
        (REJECT, 600, ""),
        (REJECT, 250, ""),
        (REJECT, 0, ""),
        (REJECT, 65535, ""),
        (REJECT, 550, "4.7.1"),
        (REJECT, 550, "2.0.0"),
        (REJECT, 550, "5.7"),
        (REJECT, 550, "5.7.1 "),
        (REJECT, 550, "5.1000.1"),
        (DEFER, 550, "5.7.1"),
        // It would end the session, which is not a guest's to end.
        (DEFER, 421, "4.7.1"),
        (DEFER, 399, ""),
        (DEFER, 500, ""),
        (DEFER, 450, "5.7.1"),
    ] {
        let ran = run(&lab, &refuse(kind, code, enhanced, "text"));
        let end = ran.end();
        assert!(
            end.starts_with("failed: guest: reply: gave a reply that does not fit: "),
            "{kind} {code} {enhanced:?}: {end}"
        );
        assert_eq!(ran.text(), "", "{kind} {code} {enhanced:?}");
    }
}

#[test]
fn failed_keeps_its_text_for_the_log_only() {
    let lab = Lab::new();
    let ran = run(&lab, &Guest::new().close("(call $failed @\"no database\")"));
    assert_eq!(ran.end(), "failed: guest: failed: failed: no database");
    let ran = run(&lab, &Guest::new().open(&format!("(call $failed @\"{}\")", "é".repeat(600))));
    assert_eq!(ran.end(), format!("failed: guest: failed: failed: {}", "é".repeat(512)), "cut at 1 KiB");
}

#[test]
fn verdicts_merge_and_the_heavier_stays() {
    let lab = Lab::new();
    let guest = |close: &str| Guest::new().close(close).component();
    let quarantine =
        |label, why: &str| lab.stage(&guest(&format!("(call $quarantine @\"{why}\")"))).label(label).plan();
    let discard = |label| lab.stage(&guest("(call $discard)")).label(label).plan();
    let accept = |label| lab.stage(&guest("(global.get $ok)")).label(label).plan();
    let end = |stages: &[_]| {
        let ran = lab.run(stages, PIECES);
        assert_eq!(ran.text(), MESSAGE);
        ran.end()
    };
    assert_eq!(end(&[accept("a"), quarantine("b", "one"), quarantine("c", "two")]), "quarantine: one");
    assert_eq!(end(&[quarantine("a", "one"), accept("b")]), "quarantine: one");
    assert_eq!(end(&[quarantine("a", "one"), discard("b")]), "discard");
    assert_eq!(end(&[discard("a"), quarantine("b", "one")]), "discard");
}

/// Goal: an answer that the interface does not know is a trap of that stage, nothing else.
#[test]
fn answers_that_do_not_exist_are_traps() {
    let lab = Lab::new();
    let shaped = |disc: u32, payload: u32| {
        let at =
            "(i32.store8 (i32.const 64) (i32.const {disc})) (i32.store (i32.const 68) (i32.const {payload}))";
        let at = at.replace("{disc}", &disc.to_string()).replace("{payload}", &payload.to_string());
        format!("{at} (i32.const 64)")
    };
    for guest in [
        Guest::new().write(&shaped(0, 4)),
        Guest::new().write(&shaped(2, 0)),
        Guest::new().write(&shaped(1, 3)),
        Guest::new().close(&shaped(0, 3)),
        Guest::new().write("(i32.const 66)"),
        Guest::new().write("(i32.const -4)"),
        Guest::new().close("(i32.const 0x7ffffffc)"),
        Guest::new().close("(call $quarantine (i32.const 64) (i32.const -1))"),
        Guest::new().close("(call $quarantine (i32.const -2) (i32.const 1))"),
        Guest::new().data(2000, b"\xff\xfe").close("(call $quarantine (i32.const 2000) (i32.const 2))"),
        Guest::new().data(2000, b"\xff\xfe").open("(call $failed (i32.const 2000) (i32.const 2))"),
    ] {
        let ran = run(&lab, &guest);
        assert!(ran.end().starts_with("failed: guest: trap: trapped: "), "{}", ran.end());
        assert_eq!(lab.run(&[lab.stage(&Guest::new().component()).plan()], PIECES).end(), "accept");
    }
}

#[test]
fn a_config_is_handed_over_and_may_be_refused() {
    let lab = Lab::new();
    let echo = Guest::new().configure("(call $misconfigured (local.get $ptr) (local.get $len))").component();
    let config = r#"{"tag":"[Außen]","n":[1,2]}"#;
    assert_eq!(lab.stage(&echo).config(config).try_plan().err().as_deref(), Some(config));
    let long = "c".repeat(40 << 10);
    assert_eq!(lab.stage(&echo).config(&long).try_plan().err().map(|text| text.len()), Some(1024));
    let quiet = Guest::new().configure("(call $misconfigured @\"\")").component();
    assert_eq!(lab.stage(&quiet).try_plan().err().as_deref(), Some(""));
}

/// Goal: `configure` runs on the very instance that then gets the message.
#[test]
fn what_configure_keeps_is_there_for_the_message() {
    let lab = Lab::new();
    let guest = Guest::new()
        .items("(global $n (mut i32) (i32.const 0))")
        .configure("(global.set $n (local.get $len)) (global.get $ok)")
        .open("(if (i32.ne (global.get $n) (i32.const 7)) (then unreachable)) (global.get $ok)");
    let stage = lab.stage(&guest.component()).config("{\"a\":1}").plan();
    assert_eq!(lab.run(&[stage], PIECES).end(), "accept");
}

/// Goal: a chain with a guest that cannot be configured is not built; the reason is told.
#[test]
fn failures_of_configure_are_told() {
    let lab = Lab::new();
    let error = |configure: &str| {
        lab.stage(&Guest::new().configure(configure).component()).try_plan().err().unwrap_or_default()
    };
    let text = error("unreachable");
    assert!(text.starts_with("`configure` trapped: ") && text.contains("unreachable"), "{text}");
    assert_eq!(error("(loop (br 0)) unreachable"), "`configure` used its 100 ms of CPU time");
}
