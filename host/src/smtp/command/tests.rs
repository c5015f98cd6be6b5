//! Tests of `smtp::command`.

use proptest::prelude::*;

use super::*;
use crate::smtp::Body;

fn parse(line: &[u8]) -> Result<Command, SyntaxError> {
    Command::parse(line, Speaks::Smtp, Offered::default())
}

#[track_caller]
fn refused(line: &str, code: u16, enhanced: &str) {
    let reply = parse(line.as_bytes()).expect_err(line).reply();
    let found = (reply.code(), reply.enhanced().map(|e| e.to_string()).unwrap_or_default());
    assert_eq!(found, (code, enhanced.to_owned()), "{line:?}");
}

#[track_caller]
fn parses(line: &str, expect: Command) {
    assert_eq!(parse(line.as_bytes()), Ok(expect), "{line:?}");
}

fn from_jo(size: Option<u64>, body: Body) -> Command {
    let sender = Some(Mailbox::from_parts("Jo", "x.example"));
    Command::Mail(Mail { sender, parameters: MailParameters { size, body, ..MailParameters::default() } })
}

fn to(mailbox: Mailbox) -> Command {
    Command::Rcpt(mailbox, RecipientWishes::default())
}

#[test]
fn verbs_in_any_case_with_spaces_behind() {
    for (line, command) in [
        ("DATA", Command::Data),
        ("data  ", Command::Data),
        ("rSeT", Command::Reset),
        ("QUIT ", Command::Quit),
        ("NOOP", Command::Noop),
        ("NOOP anything <at> all", Command::Noop),
        ("HELP MAIL", Command::Help),
        ("VRFY jo", Command::Verify),
        ("starttls", Command::StartTls),
        ("HELO mx.example", Command::Helo("mx.example".into())),
        ("ehlo [IPv6:::1]", Command::Ehlo("[IPv6:::1]".into())),
        ("EHLO  odd_name ", Command::Ehlo("odd_name".into())),
    ] {
        parses(line, command);
    }
}

#[test]
fn what_is_no_command() {
    for line in ["", " ", "HELOO x", " NOOP", "GET / HTTP/1.1", "MAILFROM:<a@b>", "NÖÖP"] {
        refused(line, 500, "5.5.2");
    }
    for line in ["BURL x", "EXPN list", "LHLO x"] {
        refused(line, 502, "5.5.1");
    }
    for line in ["DATA x", "RSET x", "QUIT now", "STARTTLS x", "VRFY", "VRFY  "] {
        refused(line, 501, "5.5.4");
    }
}

#[test]
fn bytes_that_no_command_has() {
    for byte in (0..b' ').chain([0x7f, 0x80, 0xff]) {
        for line in
            [&b"NOOP x?y"[..], b"EHLO a?b", b"MAIL FROM:<a?@x.example>", b"RCPT TO:<a@x.example>?", b"QUIT?"]
        {
            let line: Vec<u8> = line.iter().map(|&b| if b == b'?' { byte } else { b }).collect();
            assert_eq!(parse(&line), Err(SyntaxError::Unprintable), "{}", line.escape_ascii());
        }
    }
}

/// RFC 6531 §3.4 to §3.7.1: who says EHLO cannot know yet what is offered, so that name is in ASCII.
#[test]
fn utf8_in_addresses_only_and_there_with_its_parameter() {
    let sender = Some(Mailbox::from_parts("用户", "例え.jp"));
    let from = |size, body| {
        let parameters = MailParameters { size, body, smtputf8: true, ..MailParameters::default() };
        Command::Mail(Mail { sender: sender.clone(), parameters })
    };
    parses("MAIL FROM:<用户@例え.jp> SMTPUTF8", from(None, Body::SevenBit));
    parses("MAIL FROM:<用户@例え.JP> body=8bitmime smtpUtf8 SIZE=9", from(Some(9), Body::EightBitMime));
    let plain =
        Mail { sender: None, parameters: MailParameters { smtputf8: true, ..MailParameters::default() } };
    parses("MAIL FROM:<> SMTPUTF8", Command::Mail(plain));
    parses("RCPT TO:<用户@例え.jp>", to(Mailbox::from_parts("用户", "例え.jp")));
    parses("VRFY 用户 SMTPUTF8", Command::Verify);
    refused("MAIL FROM:<用户@x.example>", 553, "5.6.7");
    refused("MAIL FROM:<a@例え.jp> BODY=8BITMIME", 553, "5.6.7");
    for parameter in ["SMTPUTF8=1", "SMTPUTF8=", "SMTPUTF8 SMTPUTF8"] {
        refused(&format!("MAIL FROM:<a@x> {parameter}"), 501, "5.5.4");
    }
    refused("RCPT TO:<a@x> SMTPUTF8", 555, "5.5.4");
    for invisible in ["\u{85}", "\u{2028}", "\u{202e}"] {
        refused(&format!("MAIL FROM:<a{invisible}@x> SMTPUTF8"), 501, "5.1.7");
        refused(&format!("RCPT TO:<a@x{invisible}>"), 501, "5.1.3");
    }
    refused("EHLO ü.example", 501, "5.5.4");
}

/// RFC 3030 §2.
#[test]
fn chunks_and_what_is_none() {
    for (line, octets, last) in [
        ("BDAT 5", 5, false),
        ("bdat 0 last ", 0, true),
        ("BDAT  007  LAST", 7, true),
        ("BDAT 18446744073709551615", u64::MAX, false),
        ("BDAT 000000000000000000000000000005", 5, false),
    ] {
        parses(line, Command::Chunk { octets, last });
    }
    for (line, octets) in [("BDAT 5 LASTX", 5), ("BDAT 5 LAST LAST", 5), ("BDAT 5 6", 5), ("BDAT 5 ü", 5)] {
        assert_eq!(parse(line.as_bytes()), Err(SyntaxError::BadChunk { octets }), "{line}");
        refused(line, 501, "5.5.4");
    }
    for size in ["", " LAST", " -1", " +5", " 0x5", " 5LAST", " 5,0", " ٥", " 18446744073709551616"] {
        refused(&format!("BDAT{size}"), 501, "5.5.4");
    }
    refused(&format!("BDAT {}", "9".repeat(30)), 501, "5.5.4");
    for line in ["BDAT", "bdat x", "BDATA", "BDAT\u{ff}"] {
        assert!(Command::announces_content(line.as_bytes()), "{line}");
    }
    for line in ["", "BDA", " BDAT 5", "DATA"] {
        assert!(!Command::announces_content(line.as_bytes()), "{line}");
    }
}

#[test]
fn the_clients_name_is_needed_and_bounded() {
    let name = "n".repeat(HELO_MAX);
    parses(&format!("EHLO {name}"), Command::Ehlo(name.clone()));
    refused(&format!("EHLO {name}n"), 501, "5.5.4");
    for line in ["HELO", "EHLO", "EHLO  ", "EHLO a b", "EHLO a(b", "EHLO <a>", "HELO a;b", "HELO \"a\""] {
        refused(line, 501, "5.5.4");
    }
}

#[test]
fn mail_and_its_parameters() {
    parses("MAIL FROM:<>", Command::Mail(Mail { sender: None, parameters: MailParameters::default() }));
    parses("mail from: <Jo@X.example>", from_jo(None, Body::SevenBit));
    parses("MAIL  FROM:<@r.example:Jo@x.example>", from_jo(None, Body::SevenBit));
    parses("MAIL FROM:<Jo@x.example> body=8bitmime  size=99", from_jo(Some(99), Body::EightBitMime));
    parses("MAIL FROM:<Jo@x.example> SIZE=0 BODY=7BIT", from_jo(Some(0), Body::SevenBit));
    for line in
        ["MAIL", "MAIL FROM", "MAIL FROM <a@x>", "MAIL TO:<a@x>", "MAIL FRÖM:<a@x>", "MAIL FROM:<a@x>SIZE=1"]
    {
        refused(line, 501, "5.5.4");
    }
    for line in ["MAIL FROM:", "MAIL FROM:a@x", "MAIL FROM:<a@x", "MAIL FROM:<a>", "MAIL FROM:<postmaster>"] {
        refused(line, 501, "5.1.7");
    }
    for parameter in
        ["SIZE", "SIZE=", "SIZE=-1", "SIZE=+1", "SIZE=0x5", "SIZE=1 SIZE=1", "BODY", "BODY=BINARYMIME"]
    {
        refused(&format!("MAIL FROM:<a@x> {parameter}"), 501, "5.5.4");
    }
    for parameter in ["SMTPUTF9", "RET=HDRS", "AUTH=<>", "=", "SIZE=1 X"] {
        refused(&format!("MAIL FROM:<a@x> {parameter}"), 555, "5.5.4");
    }
}

#[test]
fn a_size_beyond_all_numbers_does_not_wrap() {
    for size in ["18446744073709551615", "18446744073709551616", "1180591620717411303424", &"9".repeat(400)] {
        parses(&format!("MAIL FROM:<Jo@x.example> SIZE={size}"), from_jo(Some(u64::MAX), Body::SevenBit));
    }
    parses(
        "MAIL FROM:<Jo@x.example> SIZE=00018446744073709551614",
        from_jo(Some(u64::MAX - 1), Body::SevenBit),
    );
}

#[test]
fn rcpt_takes_no_parameters() {
    parses("RCPT TO:<Jo@X.example>", to(Mailbox::from_parts("Jo", "x.example")));
    parses("rcpt to:  <PostMaster> ", to(Mailbox::postmaster()));
    for line in ["RCPT", "RCPT FROM:<a@x>", "RCPT TO:<a@x>NOTIFY=NEVER", "RCPT TO:<a@x>>"] {
        refused(line, 501, "5.5.4");
    }
    for line in
        ["RCPT TO:", "RCPT TO:<>", "RCPT TO:<a>", "RCPT TO:<a@b@d>", "RCPT TO:<../x@d>", "RCPT TO:a@x"]
    {
        refused(line, 501, "5.1.3");
    }
    refused("RCPT TO:<a@x> NOTIFY=NEVER", 555, "5.5.4");
}

#[test]
fn a_line_at_its_commands_limit_and_past_it() {
    let all = Offered { dsn: true, binarymime: true, auth: true };
    let plain = Offered::default();
    for (line, offered, max) in [
        ("NOOP", all, 512),
        ("RCPT TO:<a@x>", plain, 512),
        ("RCPT TO:<a@x>", all, 1049),
        ("MAIL FROM:<a@x>", plain, 565),
        ("MAIL FROM:<a@x>", all, 1182),
        ("AUTH PLAIN", plain, 512),
        ("AUTH PLAIN", all, AUTH_LINE_MAX),
        ("XCLIENT PORT=1", plain, XCLIENT_LINE_MAX),
    ] {
        let parsed = |len: usize| Command::parse(format!("{line:<len$}").as_bytes(), Speaks::Smtp, offered);
        assert!(parsed(max - 2).is_ok(), "{line} {offered:?}");
        assert_eq!(parsed(max - 1), Err(SyntaxError::Overlong), "{line} {offered:?}");
    }
}

#[test]
fn auth_and_its_initial_response() {
    let auth = |mechanism: &str, initial: Option<&str>| Command::Auth {
        mechanism: mechanism.into(),
        initial: initial.map(str::to_owned),
    };
    parses("auth plain", auth("PLAIN", None));
    parses("AUTH SCRAM-SHA-256 =", auth("SCRAM-SHA-256", Some("=")));
    parses("AUTH PLAIN  AGEAYg== ", auth("PLAIN", Some("AGEAYg==")));
    parses(&format!("AUTH {}", "A".repeat(20)), auth(&"A".repeat(20), None));
    for line in ["AUTH", "AUTH  ", "AUTH PLA!N", "AUTH PLAIN a b", &format!("AUTH {}", "A".repeat(21))] {
        refused(line, 501, "5.5.4");
    }
}

proptest! {
    /// Goal: no line panics, and none makes a reply that is two. Method: any bytes, and lines that begin as commands do.
    #[test]
    fn any_line_is_parsed_or_refused_in_one_line(
        verb in prop_oneof![Just(""), Just("MAIL FROM:<"), Just("RCPT TO:<"), Just("MAIL FROM:<> "), Just("EHLO "), Just("BDAT ")],
        rest in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[<>@:,\"\\\\.aü\u{2028} =SIZEBODYLASTMPUF0-9\\[\\]-]{0,30}".prop_map(String::into_bytes),
        ],
    ) {
        let line = [verb.as_bytes(), &rest].concat();
        if let Err(error) = parse(&line) {
            let mut wire = Vec::new();
            error.reply().encode(&mut wire);
            let text = wire.strip_suffix(b"\r\n").expect("one line");
            prop_assert!(text.iter().all(|b| (b' '..=b'~').contains(b)));
        }
    }
}
