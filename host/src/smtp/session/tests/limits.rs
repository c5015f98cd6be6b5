//! Tests of `smtp::session`: what is counted over a whole session.

use super::*;

const OPEN: [(&str, &str); 2] = [("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0")];

#[test]
fn errors_at_the_limit_and_one_below() {
    let mut session = session();
    check(&mut session, &OPEN);
    check(&mut session, &[("what", "500 5.5.2"), ("DATA", "503 5.5.1"), ("RSET x", "501 5.5.4")]);
    assert_eq!(shown(&session.overlong(b"NOOP")), "500 5.5.2");
    assert!(session.in_transaction());
    check(&mut session, &[("RCPT TO:<a@x>", "250 2.1.5"), ("DATA x", "421 4.7.0 close")]);
    assert!(!session.in_transaction());
}

/// Goal: a list's dead addresses are no errors, and a guesser's many end the session.
#[test]
fn refused_recipients_have_a_limit_of_their_own() {
    let mut session = session();
    check(&mut session, &OPEN);
    for n in 1..UNKNOWN_MAX {
        assert_eq!(session.is_slowed(), n > UNKNOWN_MAX / 2, "{n}");
        check(&mut session, &[("RCPT TO:<no@x>", "550 5.1.1"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    }
    check(&mut session, &[("what", "500 5.5.2"), ("RCPT TO:<no@x>", "421 4.7.0 close")]);
    assert!(!session.in_transaction());
}

#[test]
fn a_recipient_that_is_put_off_is_not_unknown() {
    let mut session = session();
    check(&mut session, &OPEN);
    for _ in 0..2 * UNKNOWN_MAX {
        assert_eq!(shown(&session.command(b"RCPT TO:<a@x>")), "check");
        assert_eq!(shown(&session.recipient_checked(Err(Reply::new(450, "4.2.0", "Later")))), "450 4.2.0");
    }
}

#[test]
fn messages_at_the_limit_and_past_it() {
    let mut session = Session::new(Arc::new(SessionConfig { messages_max: 2, ..config() }), false);
    check(&mut session, &[("EHLO c", "250")]);
    for _ in 0..2 {
        check(&mut session, &[("MAIL FROM:<>", "250 2.1.0"), ("RSET", "250 2.0.0")]);
    }
    check(&mut session, &[("MAIL FROM:<>", "421 4.7.0 close")]);
}

#[test]
fn a_message_that_may_not_begin_does_not_count() {
    let mut session = Session::new(Arc::new(SessionConfig { messages_max: 1, ..config() }), false);
    check(&mut session, &[("EHLO c", "250")]);
    for _ in 0..3 {
        assert_eq!(shown(&session.command(b"MAIL FROM:<>")), "sender");
        assert_eq!(shown(&session.sender_checked(Err(Reply::new(450, "4.7.1", "Later")))), "450 4.7.1");
        assert!(!session.in_transaction());
    }
    check(&mut session, &[("MAIL FROM:<>", "250 2.1.0")]);
}

#[test]
fn recipients_of_a_session_at_the_limit_and_past_it() {
    let mut session = Session::new(Arc::new(SessionConfig { session_recipients_max: 2, ..config() }), false);
    check(&mut session, &OPEN);
    check(&mut session, &[("RCPT TO:<a@x>", "250 2.1.5"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    check(&mut session, &[("RCPT TO:<b@x>", "421 4.7.0 close")]);
}
