//! We hand messages on to Postfix's smtpd: in chunks, after DATA, under TLS.

use gatepost_tests::smtp::stuffed;
use gatepost_tests::tls::Certificate;
use gatepost_tests::wait::until;
use gatepost_tests::{Postfix, Server};

use crate::arrivals;
use crate::relaying::content;

/// The smtpds, each with what makes it another than the first, and the domains of the tenants that relay to it.
const HOPS: [&str; 3] = ["chunks", "data", "tls"];

fn postfix(certificates: &tempfile::TempDir) -> Option<Postfix> {
    Certificate::new().write(certificates.path());
    let file = |name: &str| certificates.path().join(name).display().to_string();
    let tls = [
        "smtpd_tls_security_level=encrypt".to_owned(),
        format!("smtpd_tls_cert_file={}", file("mx.pem")),
        format!("smtpd_tls_key_file={}", file("mx.key")),
    ];
    Postfix::builder()
        .main("virtual_mailbox_domains = chunks.example data.example tls.example")
        .main("smtpd_recipient_restrictions = check_recipient_access inline:{ { no@data.example = 550 5.1.1 left us } }")
        .smtpd("chunks", &[])
        .smtpd("data", &["smtpd_discard_ehlo_keywords=chunking"])
        .smtpd("tls", &tls.each_ref().map(String::as_str))
        .start()
}

fn server(postfix: &Postfix) -> Server {
    HOPS.into_iter()
        .fold(Server::builder(), |builder, hop| {
            let address = postfix.smtpd(hop);
            let tenant = format!(
                "domains = [\"{hop}.example\"]\nchain = \"header | relay\"\n[stage.relay]\naddress = \"{address}\"\n"
            );
            builder.tenant(hop, &tenant)
        })
        .start()
}

/// Goal: Postfix stores what our client sent, byte for byte but for the trace fields, and a 250 of ours is one of Postfix's; a
/// recipient that it refuses is refused with its words, and the others get the message.
#[test]
fn we_relay_to_postfix() {
    let certificates = tempfile::tempdir().unwrap();
    let Some(postfix) = postfix(&certificates) else { return };
    let server = server(&postfix);
    let contents = [content(0), content(300_000)];
    for hop in HOPS {
        let recipient = format!("jo@{hop}.example");
        // On one connection to us, so that the one to Postfix is used again.
        let mut client = server.smtp();
        for content in &contents {
            let reply = client.deliver("a@client.test", &[&recipient], content).unwrap();
            assert_eq!(reply.code, 250, "{hop}: {}", reply.text());
        }
    }
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    let refused = client.expect("RCPT TO:<no@data.example>", 550);
    assert!(
        refused.text().starts_with("550 5.1.1 ") && refused.text().contains("left us"),
        "{}",
        refused.text()
    );
    client.expect("RCPT TO:<jo@data.example>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(&contents[0])).unwrap();
    client.expect_reply(250);
    postfix.wait_idle();

    let relayed = server.wait_records("relayed", 7);
    assert_eq!(relayed.len(), 7);
    let ids = arrivals::by_id(postfix.messages());
    assert_eq!(ids.len(), 7, "each id once");
    let mut sizes = [0, 0];
    for stored in ids.values() {
        let with_lf = |content: &[u8]| String::from_utf8_lossy(content).replace("\r\n", "\n");
        let stored = String::from_utf8_lossy(stored).into_owned();
        let which = contents.iter().position(|content| stored.ends_with(&with_lf(content)));
        let which = which.unwrap_or_else(|| panic!("changed on its way: {stored:.2000}"));
        sizes[which] += 1;
        // Before it stand our own trace fields, and nothing else; Postfix has taken off `Return-Path`, to write it anew.
        let trace = stored.strip_suffix(&with_lf(&contents[which])).unwrap_or_default();
        let fields = trace.lines().filter(|line| !line.starts_with(['\t', ' ']));
        let names: Vec<&str> = fields.map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!(names, ["Delivered-To", "Received"], "{trace}");
    }
    assert_eq!(sizes, [4, 3]);
    // Connections that were kept end with us, and Postfix says what was said on each.
    drop((client, server));
    until("Postfix to see chunks, DATA and STARTTLS", || {
        let log = postfix.log();
        let ends: Vec<&str> = log.lines().filter(|line| line.contains(": disconnect from ")).collect();
        let is_seen = |word: &&str| ends.iter().any(|end| end.contains(word));
        [" bdat=", " data=", " starttls="].iter().all(is_seen).then_some(())
    });
}
