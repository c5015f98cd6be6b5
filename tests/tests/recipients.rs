//! Checkers at RCPT that loop, trap or cannot check at all, in a running server; and what two tenants see of each other's keys.

use gatepost_tests::Server;
use gatepost_tests::guest::Guest;
use gatepost_tests::site::Builder;

const CHECKER: &str = "gatepost:processor/recipients@0.1.0";
const PROCESSOR: &str = "gatepost:processor/processor@0.1.0";

/// A component whose `check` has this body; it is a processor too.
fn checker(check: &str) -> Guest {
    Guest::new().wit("export processor;", "export processor; export recipients;").items(&format!(
        "(func $check (param $ptr i32) (param $len i32) (result i32) {check})
         (func (export \"{CHECKER}#configure\") (param i32 i32) (result i32) (global.get $ok))
         (func (export \"{CHECKER}#check\") (param i32 i32) (result i32)
           (call $done (call $check (local.get 0) (local.get 1))))"
    ))
}

fn site(component: &[u8]) -> Builder {
    Server::builder().file("catalog/processors/host/guest/1.0.0.wasm", component)
}

fn tenant(domain: &str, lines: &str) -> String {
    format!("domains = [\"{domain}\"]\n{lines}\n")
}

/// The reply to the RCPT of each, in one transaction.
fn replies(server: &Server, addresses: &[&str]) -> Vec<String> {
    let mut smtp = server.smtp();
    smtp.expect("MAIL FROM:<a@client.test>", 250);
    addresses.iter().map(|to| smtp.ask(&format!("RCPT TO:<{to}>")).unwrap().text()).collect()
}

const AT_RCPT: &str = "recipients = \"guest\"\nchain = \"null\"";

/// Goal: a checker past its CPU time or past `recipient_check_max` is stopped, the client hears 451 4.3.2, and the session, other
/// tenants and later addresses go on.
#[test]
fn a_checker_that_loops_is_stopped() {
    let looping = checker("(loop $more (br $more)) (global.get $ok)").component();
    let limits = "cpu_per_message = \"60s\"\nrecipient_check_max = \"200ms\"";
    for (limits, reason) in [(limits, "wall"), ("", "cpu")] {
        let server = site(&looping)
            .section("limits", limits)
            .tenant("acme", &tenant("acme.example", AT_RCPT))
            .tenant("calm", &tenant("calm.example", "chain = \"null\""))
            .start();
        let told = replies(&server, &["a@acme.example", "b@acme.example", "a@calm.example"]);
        assert!(told[0].starts_with("451 4.3.2") && told[1].starts_with("451 4.3.2"), "{told:?}");
        assert!(told[2].starts_with("250"), "a refused address has made the transaction nobody's: {told:?}");
        let failed = server.wait_records("stage_failed", 2);
        assert_eq!(failed[0]["reason"], reason, "{failed:?}");
        assert!(failed[0]["id"].as_str().is_some_and(|id| !id.is_empty()), "{failed:?}");
        assert_eq!(failed[0]["id"], failed[1]["id"], "of one transaction: {failed:?}");
    }
}

/// Goal: a checker within its time answers, under the shortest budget that can be asked for and the longest; one past either
/// is refused by name.
#[test]
fn recipient_check_max_has_its_bounds() {
    let quick = checker("(global.get $ok)").component();
    let check = |value: &str| {
        let site = site(&quick).section("limits", &format!("recipient_check_max = \"{value}\""));
        site.tenant("acme", &tenant("acme.example", AT_RCPT)).site().gatepost(&["check"])
    };
    for good in ["1ms", "1h"] {
        check(good).exits(0);
    }
    for bad in ["0ms", "3600001ms"] {
        let told = check(bad).exits(78);
        assert!((told.text() + &told.stderr).contains("limits.recipient_check_max"), "{bad}");
    }
    let server = site(&quick)
        .section("limits", "recipient_check_max = \"1h\"")
        .tenant("acme", &tenant("acme.example", AT_RCPT))
        .start();
    assert!(replies(&server, &["a@acme.example"])[0].starts_with("250"));
}

/// Goal: `on_failure` says what becomes of an address whose checker traps, the stage's own before the tenant's.
#[test]
fn a_checker_that_traps_is_settled_by_on_failure() {
    let trapping = checker("unreachable").component();
    for (policy, reply) in [
        ("on_failure = \"defer\"", "451 4.3.0"),
        ("on_failure = \"reject\"", "550 5.3.0"),
        ("on_failure = \"bypass\"", "250"),
        ("on_failure = \"quarantine\"", "451 4.3.0"),
        ("on_failure = \"bypass\"\n[stage.guest]\non_failure = \"reject\"", "550 5.3.0"),
    ] {
        let text = tenant("acme.example", &AT_RCPT.replace("null", "maildir"));
        let server = site(&trapping).tenant("acme", &format!("{text}{policy}\n")).start();
        let told = replies(&server, &["a@acme.example", "b@acme.example"]);
        assert!(told.iter().all(|told| told.starts_with(reply)), "{policy}: {told:?}");
        assert_eq!(server.wait_records("stage_failed", 2)[0]["reason"], "trap");
    }
}

/// Goal: a checker that failed and was bypassed leaves nothing to the next: no fact, and the envelope as it was.
/// Method: the first is cut off by its CPU time after it has set a fact; the second refuses where it finds that fact, or no sender.
#[test]
fn what_is_bypassed_leaves_nothing_behind() {
    let first =
        checker("(drop (call $set_fact @\"x.left\" @\"1\")) (loop $more (br $more)) (global.get $ok)");
    let second = checker(
        "(call $fact @\"x.left\" (i32.const 144)) (call $sender (i32.const 160))
         (if (i32.load8_u (i32.const 144))
           (then (return (call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"a fact was left\"))))
         (if (i32.eqz (i32.load8_u (i32.const 160)))
           (then (return (call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"the sender is gone\"))))
         (global.get $ok)",
    );
    let lines = "recipients = \"guest | second\"\nchain = \"null\"\non_failure = \"bypass\"";
    let server = site(&first.component())
        .file("catalog/processors/host/second/1.0.0.wasm", &second.component())
        .tenant("acme", &tenant("acme.example", lines))
        .start();
    let told = replies(&server, &["a@acme.example"]);
    assert!(told[0].starts_with("250"), "{told:?}");
    assert_eq!(server.wait_records("stage_failed", 1)[0]["reason"], "cpu");
}

/// Goal: what is no checker, or nothing but one, is refused where it does not belong, and the text says where it does.
#[test]
fn the_wrong_kinds_are_refused() {
    let check = |component: &[u8], lines: &str, expect: &str| {
        let told = site(component).tenant("acme", &tenant("acme.example", lines)).site();
        let told = told.gatepost(&["check"]).exits(78);
        let told = told.text() + &told.stderr;
        assert!(told.contains(expect), "{told}");
    };
    let only_checks = checker("(global.get $ok)").wit("export processor; ", "").component();
    check(
        &only_checks,
        "chain = \"guest | null\"",
        &format!("lacks the export `{PROCESSOR}`: it stands in `recipients`, not in `chain`"),
    );
    check(
        &Guest::new().component(),
        AT_RCPT,
        &format!("lacks the export `{CHECKER}`: it stands in `chain`, not in `recipients`"),
    );
    check(
        b"",
        "recipients = \"header\"\nchain = \"null\"",
        "`header` is built in and does not check recipients",
    );
    check(&only_checks, "recipients = \"guest + a:guest\"\nchain = \"null\"", "join them by `|`, not `+`");
    let quarantines = format!("{AT_RCPT}\n[stage.guest]\non_failure = \"quarantine\"");
    check(
        &only_checks,
        &quarantines,
        "acme.toml:5: stage.guest.on_failure: \"quarantine\" does not apply at RCPT",
    );
    let fits = site(&only_checks).tenant("acme", &tenant("acme.example", AT_RCPT)).site();
    fits.gatepost(&["check"]).exits(0);
}

/// Goal: two tenants with the same component and the same key count each for themselves, also after a restart.
#[test]
fn tenants_do_not_see_each_others_keys() {
    let count = checker(
        "(call $kv_add @\"n\" (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 128))
         (if (i64.gt_s (i64.load (i32.const 136)) (i64.const 2))
           (then (return (call $refuse (i32.const 1) (i32.const 451) @\"4.7.1\" @\"twice is enough\"))))
         (global.get $ok)",
    )
    .wit("import next;", "import next; import kv;");
    let grants = "[stage.guest]\ngrants = [\"kv\"]\n[host]\ngrants_allowed = [\"kv\"]";
    let mut server = site(&count.component())
        .tenant("acme", &tenant("acme.example", &format!("{AT_RCPT}\n{grants}")))
        .tenant("other", &tenant("other.example", &format!("{AT_RCPT}\n{grants}")))
        .start();
    let codes = |server: &Server, address: &str| replies(server, &[address])[0][..3].to_owned();
    assert_eq!(
        ["250", "250", "451"],
        [(); 3].map(|()| codes(&server, "a@acme.example")).each_ref().map(String::as_str)
    );
    server.restart();
    assert_eq!(codes(&server, "a@acme.example"), "451", "it is known over a kill");
    assert_eq!(
        ["250", "250", "451"],
        [(); 3].map(|()| codes(&server, "a@other.example")).each_ref().map(String::as_str)
    );
}
