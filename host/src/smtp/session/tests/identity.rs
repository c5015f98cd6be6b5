//! Tests of `smtp::session`: LMTP, AUTH, XCLIENT, and extensions that are offered where asked for.

use super::*;

fn with(change: impl FnOnce(&mut SessionConfig)) -> Session {
    let mut config = config();
    change(&mut config);
    Session::new(Arc::new(config), false)
}

fn ehlo(session: &mut Session, line: &str) -> String {
    let Action::Reply(reply) = say(session, line) else { panic!("a reply") };
    reply.text()
}

/// RFC 2033 §4.1, §4.2: LHLO in the place of HELO and EHLO, and a reply for each RCPT that was taken.
#[test]
fn lmtp() {
    let mut session = with(|config| config.speaks = Speaks::Lmtp);
    assert_eq!(session.greeting().to_string(), "220 mx.example LMTP Gatepost");
    check(&mut session, &[("EHLO c", "502 5.5.1"), ("HELO c", "502 5.5.1"), ("MAIL FROM:<>", "503 5.5.1")]);
    check(&mut session, &[("LHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    check(&mut session, &[("RCPT TO:<no@x>", "550 5.1.1"), ("RCPT TO:<b@x>", "250 2.1.5")]);
    check(&mut session, &[("RCPT TO:<a@X>", "250 2.1.5")]);
    let Action::Receive(incoming) = say(&mut session, "DATA") else { panic!("content") };
    assert_eq!(incoming.recipients.len(), 2);
    assert_eq!(incoming.named, [0, 1, 0]);
    assert_eq!(incoming.protocol.name(), "LMTP");
    check(&mut super::session(), &[("LHLO c", "502 5.5.1")]);
}

#[test]
fn auth_is_taken_under_tls_after_ehlo_and_once() {
    let mut session = with(|config| config.auth = AuthPolicy::Offered);
    assert!(!ehlo(&mut session, "EHLO c").contains("AUTH"), "in the clear");
    check(&mut session, &[("AUTH PLAIN", "538 5.7.11"), ("STARTTLS", "220 2.0.0 tls")]);
    session.tls_started();
    check(&mut session, &[("AUTH PLAIN", "503 5.5.1"), ("HELO c", "250"), ("AUTH PLAIN", "503 5.5.1")]);
    let mut session = with(|config| config.auth = AuthPolicy::Offered);
    session.tls_started();
    assert!(ehlo(&mut session, "EHLO c").contains("AUTH SCRAM-SHA-256 PLAIN LOGIN"));
    check(&mut session, &[("AUTH CRAM-MD5", "504 5.5.4"), ("MAIL FROM:<>", "250 2.1.0")]);
    check(&mut session, &[("AUTH PLAIN", "503 5.5.1"), ("RSET", "250 2.0.0")]);
    check(&mut session, &[("auth plain =", "auth PLAIN =")]);
    assert_eq!(shown(&session.authenticated(Ok("jo".into()))), "235 2.7.0");
    check(&mut session, &[("AUTH PLAIN", "503 5.5.1")]);
    assert!(!ehlo(&mut session, "EHLO c").contains("AUTH"), "once");
    assert_eq!(session.user(), Some("jo"), "EHLO does not forget who the client is");
    check(&mut session, &[("MAIL FROM:<> AUTH=<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    let Action::Receive(incoming) = say(&mut session, "DATA") else { panic!("content") };
    assert_eq!((incoming.user.as_deref(), incoming.protocol.name().as_str()), (Some("jo"), "ESMTPSA"));
}

#[test]
fn auth_where_it_is_required_and_where_it_is_not_offered() {
    let mut session = with(|config| config.auth = AuthPolicy::Required);
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "530 5.7.0")]);
    session.tls_started();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "530 5.7.0"), ("AUTH LOGIN", "auth LOGIN -")]);
    assert_eq!(shown(&session.authenticated(Ok("jo".into()))), "235 2.7.0");
    check(&mut session, &[("MAIL FROM:<>", "250 2.1.0")]);
    let mut session = super::session();
    session.tls_started();
    check(&mut session, &[("EHLO c", "250"), ("AUTH PLAIN", "502 5.5.1"), ("AUTH", "501 5.5.4")]);
}

#[test]
fn failed_auths_at_the_limit_and_one_below() {
    let mut session = with(|config| config.auth = AuthPolicy::Offered);
    session.tls_started();
    check(&mut session, &[("EHLO c", "250"), ("AUTH PLAIN", "auth PLAIN -")]);
    let failed = || Err(Reply::new(535, "5.7.8", "No"));
    assert_eq!(shown(&session.authenticated(failed())), "535 5.7.8");
    check(&mut session, &[("AUTH PLAIN", "auth PLAIN -")]);
    assert_eq!(shown(&session.authenticated(failed())), "421 4.7.0 close");
}

#[test]
fn xclient_is_for_those_who_may() {
    check(&mut session(), &[("EHLO c", "250"), ("XCLIENT ADDR=192.0.2.1", "550 5.7.0")]);
    let mut session = Session::new(Arc::new(config()), true);
    assert!(ehlo(&mut session, "EHLO c").contains("XCLIENT NAME ADDR PORT PROTO HELO LOGIN"));
    check(
        &mut session,
        &[("XCLIENT ADDR=x", "501 5.5.4"), ("XCLIENT", "501 5.5.4"), ("MAIL FROM:<>", "250 2.1.0")],
    );
    check(&mut session, &[("XCLIENT ADDR=192.0.2.1", "503 5.5.1"), ("RSET", "250 2.0.0")]);
    let Action::Believe(claims) = say(&mut session, "XCLIENT HELO=other LOGIN=jo PROTO=SMTP") else {
        panic!("believed")
    };
    assert_eq!(shown(&session.reintroduced(&claims)), "220");
    assert_eq!((session.helo(), session.user()), (Some("other"), Some("jo")));
    let Action::Believe(claims) = say(&mut session, "XCLIENT ADDR=192.0.2.1 LOGIN=[UNAVAILABLE]") else {
        panic!("again")
    };
    assert_eq!(shown(&session.reintroduced(&claims)), "220");
    assert_eq!((session.helo(), session.user()), (None, None));
    check(&mut session, &[("MAIL FROM:<>", "503 5.5.1")]);
}

/// RFC 3030 §3: BINARYMIME cannot come with DATA.
#[test]
fn binarymime_and_dsn_where_they_are_offered() {
    let mut session = with(|config| (config.dsn, config.binarymime) = (true, true));
    let offered = ehlo(&mut session, "EHLO c");
    assert!(offered.contains(" BINARYMIME ") && offered.contains(" DSN "), "{offered}");
    check(&mut session, &[("MAIL FROM:<> BODY=BINARYMIME RET=HDRS ENVID=e", "250 2.1.0")]);
    check(&mut session, &[("RCPT TO:<a@x> NOTIFY=NEVER", "250 2.1.5"), ("DATA", "503 5.5.1")]);
    let Action::Chunk(chunk) = say(&mut session, "BDAT 5 LAST") else { panic!("a chunk") };
    let incoming = chunk.opening.unwrap();
    assert_eq!(
        (incoming.parameters.body, incoming.parameters.ret, incoming.parameters.envid.as_deref()),
        (Body::BinaryMime, Some("HDRS"), Some("e"))
    );
    assert_eq!(incoming.wishes[0].notify.as_deref(), Some("NEVER"));
    let mut session = super::session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<> BODY=BINARYMIME", "501 5.5.4")]);
    check(&mut session, &[("MAIL FROM:<> RET=HDRS", "555 5.5.4"), ("MAIL FROM:<>", "250 2.1.0")]);
    check(&mut session, &[("RCPT TO:<a@x> NOTIFY=NEVER", "555 5.5.4")]);
}
