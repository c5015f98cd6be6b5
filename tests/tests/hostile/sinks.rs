//! A failure in each export, before each kind of sink: nothing is visible anywhere, and the next message is fine.

use std::path::PathBuf;

use gatepost_tests::Server;
use gatepost_tests::hostile::{Case, Message, all};
use gatepost_tests::wait::until;

use crate::judge::Log;
use crate::stand::{HONEST, Placed, add_tenant, builder, no_instance_is_left, provoke, send};

/// Tenants by what their chains end in.
const SINKS: [(&str, &str); 4] =
    [("to-maildir", "maildir"), ("to-file", "file"), ("to-null", "null"), ("to-both", "maildir + file")];

/// Files that a tenant's sinks hold, unfinished ones included, by kind.
fn held(server: &Server, tenant: &str) -> [usize; 2] {
    let maildir = server.maildir(tenant);
    let files = server.site().path().join("files").join(tenant);
    let files: Vec<PathBuf> =
        std::fs::read_dir(files).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    [maildir.count() + maildir.unfinished().len(), files.len()]
}

/// Goal: a stage that fails after its bytes have gone on leaves no byte in any sink.
/// Method: every case of the item `traps` that fails, in the chains of four tenants; honest messages between them.
#[test]
fn a_failure_leaves_nothing_in_any_sink() {
    let cases: Vec<Case> =
        all().into_iter().filter(|case| case.origin == "traps" && case.always_fails()).collect();
    for place in ["open", "first write", "50th write", "close"] {
        let there = cases.iter().filter(|case| case.stands.iter().any(|stands| stands == place)).count();
        assert!(there >= 5, "{there} cases stand in {place}");
    }
    let server = builder().start();
    let all: Vec<&Case> = cases.iter().collect();
    for (tenant, sinks) in SINKS {
        add_tenant(&server, tenant, &all, sinks, "");
    }
    let (mut placed, mut sent, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (tenant, sinks) in SINKS {
        let mut fine = 0;
        let expect = |fine: usize| {
            let holds = |sink: &str| if sinks.contains(sink) { fine } else { 0 };
            [holds("maildir"), holds("file")]
        };
        for case in &cases {
            placed.push(Placed { case: case.clone(), tenant: tenant.to_owned() });
            sent.push(provoke(server.mx(), placed.len() - 1, &placed[placed.len() - 1]).unwrap());
            // What was begun is taken back when the reply has gone out, or before.
            until(&format!("{tenant} to hold nothing of {}", case.name), || {
                (held(&server, tenant) == expect(fine)).then_some(())
            });
            let to = format!("victim@{tenant}.example");
            let (_, reply) = send(server.mx(), HONEST, &to, Message::Small).unwrap();
            assert_eq!(reply.code, 250, "{}: then {}", case.name, reply.text());
            fine += 1;
            assert_eq!(held(&server, tenant), expect(fine), "{}", case.name);
        }
    }
    let log = Log::of(&server, &sent);
    problems.extend(sent.iter().map(|sent| log.judge(&placed[sent.at], sent)));
    assert!(problems.concat().is_empty(), "{}", problems.concat());
    no_instance_is_left(&server);
}
