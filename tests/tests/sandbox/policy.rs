//! What becomes of a message whose stage fails: `on_failure`, wherever and however it fails.

use gatepost::chain::OnFailure;
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

use crate::{MESSAGE, PIECES};

const POLICIES: [OnFailure; 4] =
    [OnFailure::Defer, OnFailure::Reject, OnFailure::Bypass, OnFailure::Quarantine];

/// The guest between two others that log what they see.
fn run(lab: &Lab, guest: &Guest, on_failure: OnFailure) -> Ran {
    let witness = Guest::new()
        .open("(call $emit (i32.const 1) @\"witness opens\") (global.get $ok)")
        .close("(call $emit (i32.const 1) @\"witness closes\") (global.get $ok)")
        .component();
    let stages = [
        lab.stage(&witness).label("before").plan(),
        lab.stage(&guest.component()).on_failure(on_failure).plan(),
        lab.stage(&witness).label("after").plan(),
    ];
    lab.run(&stages, PIECES)
}

/// A guest that sets a fact when it is opened, passes one chunk, and then does this at the second.
fn second_write(body: &str) -> Guest {
    Guest::new()
        .items("(global $n (mut i32) (i32.const 0))")
        .open("(drop (call $set_fact @\"x.half\" @\"done\")) (global.get $ok)")
        .write(&format!(
            "(global.set $n (i32.add (global.get $n) (i32.const 1)))
             (if (i32.lt_u (global.get $n) (i32.const 2)) (then (return (global.get $ok)))) {body}"
        ))
        .close("(call $emit (i32.const 1) @\"guest closes\") (global.get $ok)")
}

/// Goal: while a stage has been transparent each policy has its effect, and what it did to the envelope is undone.
/// Method: every policy with every kind of failure in every call.
#[test]
fn a_transparent_stage_that_fails() {
    let lab = Lab::new();
    let trap = "unreachable";
    let failed = "(call $failed @\"cannot\")";
    let misfit = "(call $refuse (i32.const 0) (i32.const 250) (i32.const 0) (i32.const 0) @\"yes\")";
    let wrote = "(drop (call $next @\"written before the failure\")) unreachable";
    for body in [trap, failed, misfit, wrote] {
        let fact = "(drop (call $set_fact @\"x.half\" @\"done\"))";
        for guest in [
            Guest::new().open(&format!("{fact} {body}")),
            second_write(body),
            Guest::new().close(&format!("{fact} {body}")),
        ] {
            for policy in POLICIES {
                let ran = run(&lab, &guest, policy);
                let end = ran.end();
                match policy {
                    OnFailure::Defer => assert!(end.starts_with("failed: guest: "), "{end}"),
                    OnFailure::Reject => assert!(end.starts_with("failed reject: guest: "), "{end}"),
                    OnFailure::Bypass => assert_eq!(end, "accept"),
                    OnFailure::Quarantine => {
                        assert!(end.starts_with("quarantine: stage `guest` failed: "), "{end}");
                    }
                }
                assert_eq!(ran.failures.len(), 1);
                if matches!(policy, OnFailure::Bypass | OnFailure::Quarantine) {
                    assert_eq!(ran.text(), MESSAGE);
                    assert_eq!(ran.envelope.fact("x.half"), None, "its facts are undone");
                    assert_eq!(ran.records[1].outcome, "bypassed");
                } else {
                    assert_eq!(ran.records[1].outcome, "failed");
                }
            }
        }
    }
}

/// Goal: a stage that has changed or withheld a byte cannot be bypassed any more.
#[test]
fn a_stage_that_has_changed_something_and_fails() {
    let lab = Lab::new();
    let after = |first: &str| {
        let body = format!(
            "(global.set $n (i32.add (global.get $n) (i32.const 1)))
             (if (i32.lt_u (global.get $n) (i32.const 2)) (then (return {first}))) unreachable"
        );
        Guest::new().items("(global $n (mut i32) (i32.const 0))").write(&body)
    };
    let wrote = "(block (result i32) (drop (call $next @\"x\")) (global.get $ok))";
    for guest in [
        after("(call $replaced)"),
        after(wrote),
        Guest::new().open("(drop (call $next @\"x\")) (global.get $ok)").close("unreachable"),
        Guest::new().write("(call $drain)").close("unreachable"),
    ] {
        for policy in [OnFailure::Bypass, OnFailure::Quarantine, OnFailure::Defer] {
            let end = run(&lab, &guest, policy).end();
            assert!(end.starts_with("failed: guest: trap: "), "{policy:?}: {end}");
        }
        let end = run(&lab, &guest, OnFailure::Reject).end();
        assert!(end.starts_with("failed reject: guest: trap: "), "{end}");
    }
}

/// Goal: a budget that ran out is subject to the policy as a trap is.
#[test]
fn budgets_are_subject_to_the_policy() {
    let lab = Lab::new();
    let guest = second_write("(loop (br 0)) unreachable");
    assert!(run(&lab, &guest, OnFailure::Defer).end().starts_with("failed budget: guest: cpu: "));
    let ran = run(&lab, &guest, OnFailure::Bypass);
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", MESSAGE));
}

/// Goal: a decision is never subject to the policy.
#[test]
fn a_refusal_is_no_failure() {
    let lab = Lab::new();
    for policy in POLICIES {
        let guest =
            second_write("(call $refuse (i32.const 0) (i32.const 550) (i32.const 0) (i32.const 0) @\"no\")");
        assert_eq!(run(&lab, &guest, policy).end(), "reject 550 5.7.1 no", "{policy:?}");
    }
}

/// Goal: a call that errs is the last one of its instance; after a run has ended no code of any stage runs.
/// Method: the guest and the stages around it log their closing.
#[test]
fn nothing_is_called_after_an_error() {
    let lab = Lab::new();
    let refuse = "(call $refuse (i32.const 0) (i32.const 550) (i32.const 0) (i32.const 0) @\"no\")";
    for body in ["unreachable", "(call $failed @\"x\")", refuse] {
        let ran = run(&lab, &second_write(body), OnFailure::Defer);
        assert_eq!(ran.logged(), ["witness opens", "witness opens"], "{body}");
    }
    let ran = run(&lab, &second_write("unreachable"), OnFailure::Bypass);
    assert_eq!(ran.logged(), ["witness opens", "witness opens", "witness closes", "witness closes"]);
}

/// Goal: when a run is over every instance is gone.
#[test]
fn no_instance_outlives_its_run() {
    let lab = Lab::new();
    for body in ["unreachable", "(loop (br 0)) unreachable", "(call $splice)", "(global.get $ok)"] {
        run(&lab, &second_write(body), OnFailure::Defer);
        assert_eq!(lab.instances_live(), 0, "{body}");
    }
}
