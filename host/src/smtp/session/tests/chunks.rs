//! Tests of `smtp::session`: content in chunks (RFC 3030), and addresses in UTF-8 (RFC 6531).

use super::*;

/// A session with a transaction that has a recipient.
fn ready() -> Session {
    let mut session = session();
    check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5")]);
    session
}

#[test]
fn a_message_in_chunks_and_another() {
    let mut session = ready();
    check(&mut session, &[("BDAT 5", "chunk 5 to 1")]);
    assert!(session.in_chunks() && session.in_transaction());
    assert_eq!(session.chunk_ok(5).to_string(), "250 2.0.0 5 octets received");
    let between = [
        ("NOOP", "250 2.0.0"),
        ("VRFY jo", "252 2.0.0"),
        ("HELP", "214 2.0.0"),
        ("MAIL FROM:<>", "503 5.5.1"),
        ("RCPT TO:<b@x>", "503 5.5.1"),
        ("BDAT 0", "chunk 0"),
        ("BDAT 3 LAST", "chunk 3 last"),
    ];
    check(&mut session, &between);
    assert!(!session.in_chunks() && session.in_transaction(), "until the last is answered");
    session.content_done();
    assert!(!session.in_transaction());
    check(
        &mut session,
        &[
            ("MAIL FROM:<>", "250 2.1.0"),
            ("RCPT TO:<a@x>", "250 2.1.5"),
            ("BDAT 0 LAST", "chunk 0 last to 1"),
        ],
    );
}

#[test]
fn a_chunk_out_of_order_is_skipped() {
    check(&mut session(), &[("BDAT 5", "503 5.5.1 skip 5"), ("BDAT 5 LAST", "503 5.5.1 skip 5")]);
    for (rcpt, answer, bdat) in
        [("NOOP", "250 2.0.0", "503 5.5.1 skip 7"), ("RCPT TO:<no@x>", "550 5.1.1", "554 5.5.1 skip 7")]
    {
        let mut session = session();
        check(&mut session, &[("EHLO c", "250"), ("MAIL FROM:<>", "250 2.1.0"), (rcpt, answer)]);
        // What was skipped is missing: a recipient that comes later does not get the rest.
        let rest = [("BDAT 7", bdat), ("RCPT TO:<a@x>", "503 5.5.1"), ("BDAT 1 LAST", "503 5.5.1 skip 1")];
        check(&mut session, &rest);
        assert!(!session.in_transaction(), "after the last");
    }
}

/// RFC 3030 §2: both ways.
#[test]
fn chunks_and_data_do_not_mix() {
    let mut session = ready();
    check(&mut session, &[("BDAT 5", "chunk 5 to 1"), ("DATA", "503 5.5.1 skip 0")]);
    assert!(!session.in_chunks());
    check(
        &mut session,
        &[("BDAT 5", "503 5.5.1 skip 5"), ("DATA", "503 5.5.1"), ("MAIL FROM:<>", "503 5.5.1")],
    );
    check(&mut session, &[("RSET", "250 2.0.0"), ("MAIL FROM:<>", "250 2.1.0")]);

    let mut session = ready();
    check(&mut session, &[("DATA", "receive 1")]);
    session.content_done();
    check(&mut session, &[("BDAT 5 LAST", "503 5.5.1 skip 5")]);
}

#[test]
fn a_refused_chunk_fails_the_transaction() {
    for (ends, answer) in
        [("RSET", "250 2.0.0"), ("EHLO c", "250"), ("HELO c", "250"), ("BDAT 0 LAST", "503 5.5.1 skip 0")]
    {
        let mut session = ready();
        check(&mut session, &[("BDAT 5", "chunk 5 to 1")]);
        session.chunk_refused();
        // Pipelined before the client knew: no errors of their own.
        for _ in 0..3 * ERRORS_MAX {
            check(&mut session, &[("BDAT 9", "503 5.5.1 skip 9")]);
        }
        check(&mut session, &[(ends, answer)]);
        assert!(!session.in_transaction(), "{ends}");
        check(
            &mut session,
            &[("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<a@x>", "250 2.1.5"), ("DATA", "receive 1")],
        );
    }
}

#[test]
fn chunks_at_the_size_limit_and_past_it() {
    let mut session = ready();
    check(&mut session, &[("BDAT 600", "chunk 600 to 1"), ("BDAT 400 LAST", "chunk 400 last")]);
    let mut session = ready();
    check(&mut session, &[("BDAT 600", "chunk 600 to 1"), ("BDAT 401", "552 5.3.4 skip 401")]);
    assert!(!session.in_chunks());
    check(&mut session, &[("BDAT 1 LAST", "503 5.5.1 skip 1"), ("MAIL FROM:<>", "250 2.1.0")]);
    for (size, skipped) in
        [("1001", "1001"), ("2147483648", "2147483648"), ("9223372036854775808", "9223372036854775808")]
    {
        let mut session = ready();
        check(&mut session, &[(&format!("BDAT {size} LAST"), &format!("552 5.3.4 skip {skipped}"))]);
        assert!(!session.in_transaction());
    }
    // Together more than a number can be.
    let mut session = ready();
    check(&mut session, &[("BDAT 1", "chunk 1 to 1")]);
    check(&mut session, &[(&format!("BDAT {}", u64::MAX), &format!("552 5.3.4 skip {}", u64::MAX))]);
}

#[test]
fn a_chunk_that_says_more_than_last_is_skipped() {
    let mut session = ready();
    check(&mut session, &[("BDAT 5 LASTX", "501 5.5.4 skip 5"), ("BDAT 5 LAST", "503 5.5.1 skip 5")]);
    let mut session = ready();
    check(&mut session, &[("BDAT 5", "chunk 5 to 1"), ("BDAT 6 LAST 7", "501 5.5.4 skip 6")]);
    assert!(!session.in_chunks());
}

/// Goal: nothing that may be content is read as a command. Method: lines whose chunk has no end that can be known.
#[test]
fn a_chunk_of_unknown_size_ends_the_session() {
    let endless = format!("BDAT {}", "9".repeat(30));
    for line in ["BDAT", "BDAT LAST", "bdat -1", "BDAT +5", "BDAT 0x5", "BDAT 18446744073709551616", &endless]
    {
        for begun in [false, true] {
            let mut session = ready();
            if begun {
                check(&mut session, &[("BDAT 5", "chunk 5 to 1")]);
            }
            check(&mut session, &[(line, "501 5.5.4 close")]);
            assert!(!session.in_transaction());
        }
    }
    check(&mut ready(), &[("BDAT 5\0", "500 5.5.2 close")]);
    check(&mut ready(), &[(&format!("BDAT 5{}", " ".repeat(512)), "500 5.5.2 close")]);
    assert_eq!(shown(&ready().command(b"bdat 5 \xff")), "500 5.5.2 close");
    assert_eq!(shown(&ready().overlong(b"BDAT 5    ")), "500 5.5.2 close");
}

#[test]
fn errors_count_in_chunks_too() {
    let mut session = ready();
    for _ in 1..ERRORS_MAX {
        check(&mut session, &[("what", "500 5.5.2")]);
    }
    check(&mut session, &[("BDAT 1001", "421 4.7.0 close")]);
}

#[test]
fn starttls_between_chunks_forgets_them() {
    let mut session = ready();
    check(&mut session, &[("BDAT 5", "chunk 5 to 1"), ("STARTTLS", "220 2.0.0 tls")]);
    session.tls_started();
    check(&mut session, &[("BDAT 5 LAST", "503 5.5.1 skip 5")]);
}

/// RFC 6531 §3.5, §4.3.
#[test]
fn utf8_addresses_where_they_were_asked_for() {
    let mut session = session();
    check(
        &mut session,
        &[
            ("EHLO c", "250"),
            ("MAIL FROM:<ü@x>", "553 5.6.7"),
            ("MAIL FROM:<>", "250 2.1.0"),
            ("RCPT TO:<ü@x>", "550 5.6.7"),
            ("RCPT TO:<a@ü>", "550 5.6.7"),
            ("DATA", "554 5.5.1"),
            ("RSET", "250 2.0.0"),
        ],
    );
    let mut session = super::session();
    for (tls, name) in [(false, "UTF8SMTP"), (true, "UTF8SMTPS")] {
        if tls {
            session.tls_started();
        }
        check(
            &mut session,
            &[
                ("EHLO c", "250"),
                ("MAIL FROM:<ü@Ü.x> SMTPUTF8", "250 2.1.0"),
                ("RCPT TO:<用户@例え.jp>", "250 2.1.5"),
            ],
        );
        let Action::Chunk(Chunk { opening: Some(incoming), .. }) = say(&mut session, "BDAT 0 LAST") else {
            panic!("content")
        };
        assert!(incoming.parameters.smtputf8);
        assert_eq!(incoming.sender, Some(Mailbox::from_parts("ü", "ü.x")));
        assert_eq!(incoming.recipients, [Mailbox::from_parts("用户", "例え.jp")]);
        assert_eq!(incoming.protocol.name(), name);
        session.content_done();
    }
}

const LINES: &[&str] = &[
    "EHLO c",
    "MAIL FROM:<>",
    "MAIL FROM:<>",
    "RCPT TO:<a@x>",
    "RCPT TO:<a@x>",
    "RCPT TO:<no@x>",
    "BDAT 0",
    "BDAT 300",
    "BDAT 300",
    "BDAT 300 LAST",
    "BDAT 900 LASTX",
    "BDAT 900",
    "DATA",
    "RSET",
    "NOOP",
    "STARTTLS",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Goal: the octets of a chunk are always accounted for, and what is taken is whole: between MAIL and LAST no chunk
    /// was refused. Method: random commands, the driver refusing some chunks; the model believes only the actions.
    #[test]
    fn octets_are_accounted_for_and_messages_are_whole(
        choice in proptest::collection::vec((0..LINES.len(), 0..5), 0..40),
    ) {
        let mut session = session();
        Arc::make_mut(&mut session.config).errors_max = usize::MAX;
        Arc::make_mut(&mut session.config).unknown_recipients_max = usize::MAX;
        // Octets taken of the message that is under way; none: no chunk of it was.
        let mut taken: Option<u64> = None;
        let mut lacks_some = false;
        for (line, refuse) in choice.into_iter().map(|(n, refuse)| (LINES[n], refuse == 0)) {
            let declared = line.strip_prefix("BDAT ").map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
            match say(&mut session, line) {
                Action::Chunk(chunk) => {
                    prop_assert_eq!(Some(chunk.octets), declared);
                    prop_assert!(!lacks_some, "a message that lacks a chunk goes on");
                    prop_assert_eq!(chunk.opening.is_some(), taken.is_none());
                    let sum = taken.unwrap_or(0) + chunk.octets;
                    prop_assert!(sum <= SIZE_MAX);
                    taken = Some(sum);
                    if chunk.last {
                        session.content_done();
                        taken = None;
                    } else if refuse {
                        session.chunk_refused();
                        (taken, lacks_some) = (None, true);
                    }
                }
                Action::Skip { octets, .. } => {
                    prop_assert_eq!(octets, declared.unwrap_or(0));
                    lacks_some = session.in_transaction();
                    taken = None;
                }
                Action::Receive(_) => {
                    prop_assert!(taken.is_none() && declared.is_none());
                    session.content_done();
                }
                Action::StartTls(_) => {
                    session.tls_started();
                    (taken, lacks_some) = (None, false);
                }
                Action::Reply(reply) => {
                    prop_assert_eq!(declared, None::<u64>, "{} to {}: where are its octets?", reply, line);
                    if matches!(line, "RSET" | "EHLO c") {
                        (taken, lacks_some) = (None, false);
                    }
                }
                other => prop_assert!(false, "{line}: {other:?}"),
            }
            prop_assert_eq!(session.in_chunks(), taken.is_some(), "{}", line);
        }
    }
}
