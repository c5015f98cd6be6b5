//! What must never go live: its tenant gets 451, the reason is told, and nobody else notices.

use gatepost_tests::Server;
use gatepost_tests::hostile::{Case, Message, Outcome, all};
use gatepost_tests::wait::until;

use crate::stand::{HONEST, HONEST_TO, builder, no_instance_is_left, reload, send, write_tenant};

/// Tenants of one reload: what loops in `describe` takes a second each.
const AT_ONCE: usize = 8;

/// Longest text of a refusal, in bytes: a guest's own words are cut at 1 KiB, escaped.
const PROBLEM_MAX: usize = 4 << 10;

/// Goal: each of them is refused when its chain is loaded, for the reason that it names; the next one, the honest tenant
/// and the process are as before.
#[test]
fn what_is_refused_never_goes_live() {
    let server = builder().start();
    let cases: Vec<Case> = all().into_iter().filter(|case| !case.is_live()).collect();
    assert!(cases.len() >= 40, "{} refused cases", cases.len());
    let mut problems = Vec::new();
    for cases in cases.chunks(AT_ONCE) {
        for case in cases {
            write_tenant(&server, &tenant(case), &[case], "maildir", "");
        }
        reload(&server, false);
        problems.extend(cases.iter().filter_map(|case| judged(&server, case).err()));
        for case in cases {
            let file = format!("catalog/tenants/{}.toml", tenant(case));
            std::fs::remove_file(server.site().path().join(file)).unwrap();
        }
        let (_, reply) = send(server.mx(), HONEST, HONEST_TO, Message::Small).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text());
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert_eq!(server.maildir("honest").count(), cases.len().div_ceil(AT_ONCE));
    assert_eq!(server.records("started").len(), 1, "the same process lives");
    no_instance_is_left(&server);
}

fn tenant(case: &Case) -> String {
    format!("r-{}", case.name)
}

fn judged(server: &Server, case: &Case) -> Result<(), String> {
    let Outcome::Refused(texts) = &case.outcome else { return Err("it is live".into()) };
    let tenant = tenant(case);
    let own = until(&format!("{} to be refused", case.name), || {
        let refused = server.records("tenant_refused");
        let own = refused.iter().filter(|record| record["tenant"] == tenant.as_str());
        let own: Vec<String> = own.map(|record| record["problems"].to_string()).collect();
        (!own.is_empty()).then_some(own)
    });
    let [problem] = own.as_slice() else {
        return Err(format!("{}: refused {} times: {own:?}", case.name, own.len()));
    };
    if problem.len() > PROBLEM_MAX {
        return Err(format!("{}: told in {} bytes", case.name, problem.len()));
    }
    if !texts.iter().any(|text| problem.to_lowercase().contains(text.as_str())) {
        return Err(format!("{}: {problem}, not {texts:?}", case.name));
    }
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@b.example>", 250);
    let reply =
        client.ask(&format!("RCPT TO:<victim@{tenant}.example>")).map_err(|error| error.to_string())?;
    if reply.text().starts_with("451 4.3.5 ") {
        Ok(())
    } else {
        Err(format!("{}: {}", case.name, reply.text()))
    }
}

/// Goal: what a guest says of itself cannot act upon the terminal of whoever checks it, nor pass for a line of ours.
#[test]
fn a_refusal_is_safe_to_print() {
    let server = builder().start();
    let case = all().into_iter().find(|case| case.name == "error-configure").unwrap();
    write_tenant(&server, &tenant(&case), &[&case], "maildir", "");
    let checked = server.site().gatepost(&["check"]).exits(78);
    let said = checked.text() + &checked.stderr;
    assert!(said.contains("no config will do\\u{1b}[2J\\r\\ntenants/honest.toml:1: forged"), "{said}");
    let lines = said.lines().filter(|line| line.contains("no config") || line.contains("forged"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said}");
}
