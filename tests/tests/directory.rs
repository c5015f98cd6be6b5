//! The list of mailboxes at RCPT time, and what is remembered of checkers' answers, in a running server.

use gatepost_tests::Server;
use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;

const CHECKER: &str = "gatepost:processor/recipients@0.1.0";

const TENANT: &str = "domains = [\"acme.example\", \"bücher.example\"]\nrecipients = \"file\"\nchain = \"maildir\"\n\
    [stage.file]\nsubaddress = \"+\"\n";

const LIST: &str = "jo@acme.example\n*@xn--bcher-kva.example ok\nfull@acme.example quota\ngone@acme.example suspended\n\
    flaky@acme.example temporary\nold@acme.example unknown Write to jo\n";

/// The reply to a RCPT, in a transaction of its own.
fn told(server: &Server, address: &str) -> String {
    let mut smtp = server.smtp();
    smtp.expect("MAIL FROM:<a@client.test> SMTPUTF8", 250);
    smtp.ask(&format!("RCPT TO:<{address}>")).unwrap().text()
}

/// Goal: each state reaches the wire with its code, and who is there gets the message; a domain is one in either form.
#[test]
fn each_state_has_its_code_on_the_wire() {
    let server = Server::builder().tenant("acme", TENANT).file("recipients/acme", LIST.as_bytes()).start();
    for (address, expect) in [
        ("Jo+x@acme.example", "250 2.1.5"),
        ("ann@acme.example", "550 5.1.1 No such user here"),
        ("full@acme.example", "452 4.2.2"),
        ("gone@acme.example", "550 5.2.1"),
        ("flaky@acme.example", "451 4.3.0"),
        ("old@acme.example", "550 5.1.1 Write to jo"),
        ("postmaster", "250"),
        ("PostMaster@acme.example", "250"),
        ("any@bücher.example", "250"),
        ("any@bu\u{308}cher.example", "250"),
        ("any@XN--BCHER-KVA.example", "250"),
        ("jo@xn--bcher-kvb.example", "550 5.7.1"),
    ] {
        let told = told(&server, address);
        assert!(told.starts_with(expect), "{address}: {told}");
    }
    let refused = server.wait_records("recipient_refused", 6);
    let full = refused.iter().find(|record| record["recipient"] == "full@acme.example").unwrap();
    assert!(full["tenant"] == "acme" && full["reply"].as_str().unwrap().starts_with("452 4.2.2"), "{full}");
    let mut smtp = server.smtp();
    smtp.expect_data("a@client.test", "jo@acme.example");
    smtp.write(b"Subject: hi\r\n\r\nbody\r\n.\r\n").unwrap();
    smtp.expect_reply(250);
    assert_eq!(server.maildir("acme").messages().len(), 1);
}

/// Goal: a list is taken up as it changes, without a reload; one that is no good is told of, and the last good one goes on.
#[test]
fn a_list_is_taken_up_as_it_changes() {
    let server = Server::builder().tenant("acme", TENANT).file("recipients/acme", LIST.as_bytes()).start();
    assert!(told(&server, "ann@acme.example").starts_with("550"));
    server.site().write("recipients/acme", b"ann@acme.example\n");
    until("the new list", || told(&server, "ann@acme.example").starts_with("250").then_some(()));
    assert!(told(&server, "jo@acme.example").starts_with("550"));
    server.site().write("recipients/acme", b"jo@acme.example\nann what?\n");
    until("the complaint", || {
        assert!(told(&server, "ann@acme.example").starts_with("250"));
        server.log().contains("no good, what it said before goes on: line 2: ").then_some(())
    });
    assert!(told(&server, "jo@acme.example").starts_with("550"));
    assert_eq!(server.log().matches("goes on: line 2: ").count(), 1);
    server.site().write("recipients/acme", b"");
    until("the complaint of an empty list", || {
        assert!(told(&server, "ann@acme.example").starts_with("250"));
        server.log().contains("goes on: no mailbox stands in it").then_some(())
    });
}

/// Goal: a list that is not there, or no good, is a problem that names the file and its line.
#[test]
fn check_reads_the_list() {
    for (list, expect) in [
        ("jo@acme.example\n\nann\n", "recipients/acme`: line 3: "),
        ("# an export that failed\n", "recipients/acme`: no mailbox stands in it"),
    ] {
        let site = Server::builder().tenant("acme", TENANT).file("recipients/acme", list.as_bytes()).site();
        let told = site.gatepost(&["check"]).exits(78);
        assert!(told.stderr.contains(expect), "{}", told.stderr);
    }
    let good = Server::builder().tenant("acme", TENANT).file("recipients/acme", LIST.as_bytes()).site();
    let told = good.gatepost(&["check"]).exits(0);
    assert_eq!(told.stderr, "");
    let list = format!("{LIST}jo@acme.exmaple\n*@bolt.example\n");
    let others = Server::builder().tenant("acme", TENANT).file("recipients/acme", list.as_bytes()).site();
    let told = others.gatepost(&["check"]).exits(0);
    assert!(
        told.stderr.contains("note: tenant acme: `file` has mailboxes of acme.exmaple, bolt.example, which"),
        "{}",
        told.stderr
    );
    let told = Server::builder().tenant("acme", TENANT).site().gatepost(&["check"]).exits(78);
    assert!((told.text() + &told.stderr).contains("recipients/acme`: is not there"), "{}", told.stderr);
}

/// Goal: a tenant that was refused for its list at the start is there once the list is mended, without a reload.
#[test]
fn a_tenant_comes_back_once_its_list_is_mended() {
    let server = Server::builder().tenant("acme", TENANT).file("recipients/acme", b"jo what?\n").start();
    assert!(told(&server, "jo@acme.example").starts_with("451 4.3.5"));
    server.site().write("recipients/acme", b"ann@acme.example what?\n");
    until("the problem that is left", || server.log().contains("is no state").then_some(()));
    server.site().write("recipients/acme", b"ann@acme.example\n");
    until("the tenant", || told(&server, "ann@acme.example").starts_with("250").then_some(()));
    assert!(told(&server, "jo@acme.example").starts_with("550"));
    assert_eq!(server.wait_records("tenant_loaded", 1)[0]["revision"], 1);
}

/// Goal: a reload reads the list at once; one that is no good is that tenant's problem until it is mended: the reload says so, and
/// `status` goes on saying so, while the old list serves.
#[test]
fn a_reload_with_a_bad_list_says_so() {
    let server = Server::builder().tenant("acme", TENANT).file("recipients/acme", LIST.as_bytes()).start();
    server.announce_admin();
    let site = server.site();
    site.write("recipients/acme", b"ann@acme.example\n");
    assert!(site.gatepost(&["reload"]).exits(0).text().ends_with("0 changed, 1 unchanged, 0 refused\n"));
    assert!(told(&server, "ann@acme.example").starts_with("250"));
    site.write("recipients/acme", b"jo@acme.example\nann what?\n");
    for _ in 0..2 {
        let told = site.gatepost(&["reload"]).exits(78).text();
        assert!(told.contains("acme: refused, revision 1 goes on\n"), "{told}");
        assert!(told.contains("recipients/acme`: line 2: "), "{told}");
    }
    assert!(told(&server, "ann@acme.example").starts_with("250"));
    assert!(told(&server, "jo@acme.example").starts_with("550"));
    let status = || site.gatepost(&["status"]).exits(0).text();
    assert!(status().contains("recipients/acme`: line 2: "), "{}", status());
    site.write("recipients/acme", b"jo@acme.example\n");
    until("the problem to be gone", || (!status().contains("refused: ")).then_some(()));
    assert!(told(&server, "jo@acme.example").starts_with("250"));
    assert_eq!(server.records("tenant_loaded").len(), 1, "the tenant is as it was");
}

/// Goal: the list in the reference is one that is taken.
#[test]
fn the_list_of_the_reference_is_taken() {
    let reference = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.md");
    let reference = std::fs::read_to_string(reference).unwrap();
    let (_, section) = reference.split_once("#### The directory: `file`").unwrap();
    let list = section.split("```").nth(1).unwrap().trim_start();
    let tenant = TENANT.replace("bücher.example", "lists.acme.example");
    let server = Server::builder().tenant("acme", &tenant).file("recipients/acme", list.as_bytes()).start();
    assert_eq!(told(&server, "any@lists.acme.example"), "250 2.1.5 Recipient ok");
    assert_eq!(told(&server, "gone@acme.example"), "550 5.2.1 Moved, write to info@acme.example");
}

/// A component that refuses a sender that is null, takes whom it likes, and answers by the first letter of an address.
fn checker() -> Vec<u8> {
    let cases = [
        ("n", 0, 550, "5.1.1", "No such user"),
        ("q", 1, 452, "4.2.2", "Mailbox full"),
        ("s", 0, 550, "5.2.1", "Suspended"),
        ("t", 1, 451, "4.3.0", "Trouble"),
    ];
    let cases: Vec<String> = cases
        .iter()
        .map(|(letter, kind, code, enhanced, text)| {
            let letter = letter.as_bytes()[0];
            format!(
                "(if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const {letter}))
                   (then (return (call $refuse (i32.const {kind}) (i32.const {code}) @\"{enhanced}\" @\"{text}\"))))"
            )
        })
        .collect();
    let check = cases.join("\n")
        + "(call $sender (i32.const 160)) \
        (if (i32.eqz (i32.load8_u (i32.const 160))) \
          (then (return (call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"No sender\")))) (global.get $ok)";
    let guest =
        Guest::new().wit("export processor;", "export processor; export recipients;").items(&format!(
            "(func $check (param $ptr i32) (param $len i32) (result i32) {check})
         (func (export \"{CHECKER}#configure\") (param i32 i32) (result i32) (global.get $ok))
         (func (export \"{CHECKER}#check\") (param i32 i32) (result i32)
           (call $done (call $check (local.get 0) (local.get 1))))"
        ));
    guest.component()
}

fn guarded(lines: &str) -> Server {
    let text = format!("domains = [\"acme.example\"]\nrecipients = \"guest\"\nchain = \"null\"\n{lines}");
    Server::builder()
        .file("catalog/processors/host/guest/1.0.0.wasm", &checker())
        .tenant("acme", &text)
        .start()
}

/// Goal: no such user, quota, suspended and trouble each reach the wire with the code that a sandboxed checker gave.
#[test]
fn a_sandboxed_checkers_codes_reach_the_wire() {
    let server = guarded("");
    for (address, expect) in [
        ("n@acme.example", "550 5.1.1 No such user"),
        ("q@acme.example", "452 4.2.2 Mailbox full"),
        ("s@acme.example", "550 5.2.1 Suspended"),
        ("t@acme.example", "451 4.3.0 Trouble"),
        ("a@acme.example", "250 2.1.5 Recipient ok"),
    ] {
        assert_eq!(told(&server, address), expect, "{address}");
    }
}

/// Goal: with `cache` an address is asked about once, whoever sends; without it each time; what is temporary is never remembered.
/// Method: a checker that refuses the null sender, asked for a sender first.
#[test]
fn answers_are_remembered_where_that_is_wanted() {
    let from_nobody = |server: &Server, address: &str| {
        let mut smtp = server.smtp();
        smtp.expect("MAIL FROM:<>", 250);
        smtp.ask(&format!("RCPT TO:<{address}>")).unwrap().text()
    };
    let server = guarded("");
    assert!(told(&server, "a@acme.example").starts_with("250"));
    assert!(from_nobody(&server, "a@acme.example").starts_with("550 5.7.1"));

    let server = guarded("[stage.guest]\ncache = \"1h\"\n");
    let remembered =
        || server.metric("gatepost_recipients_remembered_total{tenant=\"acme\",stage=\"guest\"}");
    assert!(told(&server, "a@acme.example").starts_with("250"));
    assert_eq!(remembered(), 0.0);
    assert!(from_nobody(&server, "a@acme.example").starts_with("250"), "remembered");
    assert_eq!(remembered(), 1.0);
    assert!(from_nobody(&server, "b@acme.example").starts_with("550 5.7.1"), "another address");
    for _ in 0..2 {
        assert!(told(&server, "t@acme.example").starts_with("451 4.3.0"));
    }
    assert_eq!(remembered(), 1.0);
    // Another revision asks anew.
    let path = "catalog/tenants/acme.toml";
    let text = std::fs::read_to_string(server.site().path().join(path)).unwrap();
    server.site().write(path, text.replace("null", "header | null").as_bytes());
    server.sighup();
    until("the new revision", || {
        from_nobody(&server, "a@acme.example").starts_with("550 5.7.1").then_some(())
    });
}
