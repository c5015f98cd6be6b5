//! The processor natively, over every way of cutting each message.

use attachment_guard::AttachmentGuard;
use attachment_guard::config::Config;
use gatepost_sdk::processor::configure;
use gatepost_sdk::testing::Check;
use gatepost_sdk::{Refusal, Verdict};
use serde_json::{Value, json};

const HELP: &str = "please put it where it can be fetched and send the link";

/// A message of a text and an attachment whose header section is `header`.
fn message(header: &str) -> String {
    format!(
        "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n{header}\r\n\r\nAAAA\r\n--b--\r\n"
    )
}

/// What becomes of it: `accept`, `quarantine: REASON` or the text of a 550 5.7.1. What is taken is unchanged.
fn decide(config: &str, message: &str) -> String {
    let outcome = Check::<AttachmentGuard>::new().config(config).run(message.as_bytes());
    if outcome.result.is_ok() {
        assert_eq!(outcome.text(), message);
    }
    match outcome.result {
        Ok(Verdict::Accept) => "accept".into(),
        Ok(Verdict::Quarantine(reason)) => format!("quarantine: {reason}"),
        Err(Refusal::Reject(reply)) => {
            assert_eq!((reply.code, reply.enhanced.as_deref()), (550, Some("5.7.1")));
            assert!(
                reply.text.len() <= 400 && reply.text.chars().all(|c| matches!(c, ' '..='~')),
                "{}",
                reply.text
            );
            reply.text
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(header: &str, name: &str) {
    let expected = format!("attachment \"{name}\" is not accepted here; {HELP}");
    assert_eq!(decide("{}", &message(header)), expected, "{header}");
}

#[track_caller]
fn accepted(header: &str) {
    assert_eq!(decide("{}", &message(header)), "accept", "{header}");
}

#[test]
fn executables_are_refused_by_name() {
    refused("Content-Disposition: attachment; filename=\"invoice.exe\"", "invoice.exe");
    refused("Content-Disposition: attachment; filename=Invoice.PDF.ExE", "Invoice.PDF.ExE");
    refused("Content-Type: application/octet-stream; name=a.js", "a.js");
    refused("Content-Disposition: inline; filename*=utf-8''a%2Eexe", "a.exe");
    refused("Content-Disposition: attachment; filename*0=a.e; filename*1=xe", "a.exe");
    refused("Content-Disposition: attachment; filename=\"=?utf-8?B?YS5leGU=?=\"", "a.exe");
    refused("Content-Disposition: attachment; filename=\"=?koi8-r?Q?=C1=2Eexe?=\"", "?.exe");
    accepted("Content-Disposition: attachment; filename=invoice.pdf");
    accepted("Content-Disposition: attachment; filename=exe");
    accepted("Content-Disposition: attachment; filename=a.exe.pdf");
    accepted("X: a.exe");
}

/// What a system makes of a name counts, not only how it is written.
#[test]
fn disguised_names_are_refused() {
    refused("Content-Disposition: attachment; filename=\"a.exe. . \"", "a.exe. .");
    refused("Content-Disposition: attachment; filename=\"a.exe\0.txt\"", "a.exe?.txt");
    refused("Content-Disposition: attachment; filename=\"a.exe::$DATA\"", "a.exe::$DATA");
    refused("Content-Disposition: attachment; filename=\"..\\\\x/a.exe\"", "..\\x/a.exe");
    refused("Content-Disposition: attachment; filename=a.txt\r\nContent-Type: x/y; name=a.exe", "a.exe");
    refused("Content-Disposition: attachment; filename=a.txt; filename=b.exe", "b.exe");
    refused(
        "Content-Disposition: attachment; filename=a.txt\r\nContent-Disposition: x; filename=b.exe",
        "b.exe",
    );
    refused("Content-Disposition: attachment; filename*=utf-8''x%E2%80%AEfdp.exe", "x?fdp.exe");
    refused("Content-Disposition: attachment; filename=\"a\\\"\r\n b.exe\"", "a? b.exe");
    let long = "x".repeat(5000);
    refused(
        &format!("Content-Disposition: attachment; filename={long}.exe"),
        &format!("...{}.exe", "x".repeat(60)),
    );
}

/// Goal: names that only lax readers see are refused all the same.
#[test]
fn names_of_lax_readers_are_refused() {
    for value in [
        "filename*=utf-16le''a%00.%00e%00x%00e%00",
        "filename*=utf-16be''%00a%00.%00e%00x%00e",
        "filename*=utf-16''%FF%FEa%00.%00e%00x%00e%00",
        "filename=\"=?utf-16le?B?YQAuAGUAeABlAA==?=\"",
        "filename*=utf-7''a+AC4-exe",
        "filename=\"=?utf-7?Q?a+AC4-exe?=\"",
        "filename=\"=?iso-2022-jp?Q?a.e=1B=28Jxe?=\"",
        "x=y (; filename=\"a.exe\"; )",
        "(; filename=\"a.exe\"; )",
        "filename*1=\"a.exe\"",
        "filename*0=\"a.\"; filename*2=\"exe\"",
        "filename*0=\"a.\"; filename*0=\"exe\"",
        "filename*0=\"a.\"; filename*1=txt; filename*1=exe",
        "filename=<a.exe>",
        "filename='a.exe'",
        "filename=\"=?utf-8?B?YS5l*eGU=?=\"",
        "filename=\"=?utf-8?B?YS5l eGU=?=\"",
        "filename=\"=?utf-8?Q?a .exe?=\"",
        "filename*=utf-8''=?utf-8?q?a.exe?=",
        "filename*0=utf-8''a%2eex; filename*1*=e",
    ] {
        let message = message(&format!("Content-Disposition: attachment; {value}"));
        assert!(refuses_a_name(&decide("{}", &message)), "{value}: {}", decide("{}", &message));
    }
    let comment = message("Content-Disposition: attachment (; filename=\"a.exe\"; )");
    assert!(refuses_a_name(&decide("{}", &comment)));
    accepted("Content-Disposition: attachment; filename=\"=?iso-2022-jp?B?GyRCRnxLXBsoQi5wZGY=?=\"");
    accepted("Content-Disposition: attachment; filename=\"it's (1) <new>.pdf\"");
}

fn refuses_a_name(answer: &str) -> bool {
    answer.starts_with("attachment \"") && answer.contains("exe")
}

/// What becomes of `message` with each `on_limit`.
#[track_caller]
fn doubtful(message: &str, reason: &str) {
    let expected = format!("attachments cannot be checked: {reason}");
    assert_eq!(decide("{}", message), format!("{expected}; {HELP}"), "{message}");
    assert_eq!(decide(r#"{"on_limit": "quarantine"}"#, message), format!("quarantine: {expected}"));
    assert_eq!(decide(r#"{"on_limit": "pass"}"#, message), "accept");
}

#[test]
fn names_in_unknown_character_sets_cannot_be_checked() {
    let reason = "a name in an unknown character set";
    doubtful(&message("Content-Disposition: attachment; filename*=cp037''%81K%85%A7%85"), reason);
    doubtful(&message("Content-Type: x/y; name=\"=?cp500?Q?=81K=85=A7=85?=\""), reason);
}

const BAD: &str = "Content-Disposition: attachment; filename=a.exe\r\n\r\nMZ\r\n";

/// Goal: no part is hidden by delimiter lines that readers read differently.
#[test]
fn tricks_with_delimiters_cannot_be_checked() {
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    for tail in ["--b--X", "--b-- x", "--b--.", "--b--Q"] {
        let message = format!("{head}\r\nhi\r\n{tail}\r\n--b\r\n{BAD}--b--\r\n");
        doubtful(&message, "a delimiter line with more on it than its boundary");
        let inner = message.replace("boundary=b", "boundary=c").replace("--b", "--c");
        let outer = format!("{head}{inner}--b--\r\n");
        assert_ne!(decide("{}", &outer), "accept");
    }
    let misplaced = "a delimiter line behind or instead of the last one";
    doubtful(&format!("{head}--b--\r\n{BAD}"), misplaced);
    doubtful(&format!("{head}\r\nhi\r\n--b\r\n--b--\r\n{BAD}--b--\r\n"), misplaced);
    doubtful(&format!("{head}\r\nhi\r\n--b--\r\n--b\r\n{BAD}--b--\r\n"), misplaced);
    let twice_closed = format!("{head}\r\nhi\r\n--b--\r\n--b--\r\nepilogue\r\n--x\r\n");
    assert_eq!(decide("{}", &twice_closed), "accept");
    // A defect met first hides none behind it.
    let encoded = format!("Content-Transfer-Encoding: base64\r\n{head}\r\nhi\r\n--b--X\r\n--b\r\n{BAD}");
    doubtful(&encoded, "a delimiter line with more on it than its boundary");
}

#[test]
fn boundaries_and_types_that_readers_read_differently_cannot_be_checked() {
    let boundary = "a boundary that readers read differently";
    for parameter in [
        "boundary=a; boundary=b",
        "boundary=<b>",
        "boundary=a; boundary*=us-ascii''b",
        "boundary=b c",
        "boundary=b(c",
        "boundary=\"b\\c\"",
        "boundary=a (; boundary=b; )",
    ] {
        doubtful(&format!("Content-Type: multipart/mixed; {parameter}\r\n\r\nx"), boundary);
    }
    for parameter in ["boundary*1=b", "(; boundary=b; )", "x=y"] {
        assert_ne!(decide("{}", &format!("Content-Type: multipart/mixed; {parameter}\r\n\r\nx")), "accept");
    }
    let types = "a type that readers read differently";
    let multipart = "Content-Type: multipart/mixed; boundary=b\r\n";
    doubtful(&format!("Content-Type: text/plain\r\n{multipart}\r\nx"), types);
    doubtful(&format!("{multipart}Content-Type: text/plain\r\n\r\nx"), types);
    assert_eq!(decide("{}", &format!("{multipart}{multipart}\r\nx")), "accept");
    assert_eq!(decide("{}", "Content-Type: multipart/mixed; boundary=\"a (b)'c\"\r\n\r\nx"), "accept");
}

#[test]
fn messages_of_other_kinds_cannot_be_checked() {
    for kind in ["partial; id=x; number=1", "news", "external-body; access-type=x"] {
        doubtful(&message(&format!("Content-Type: message/{kind}")), "a nested message of another kind");
    }
    for kind in ["delivery-status", "disposition-notification", "feedback-report"] {
        accepted(&format!("Content-Type: message/{kind}"));
    }
}

/// Goal: many parameters take time in the order of their number.
#[test]
fn many_sections_are_read_in_linear_time() {
    let sections: String = (0..12_000).map(|n| format!("; filename*{n}=a")).collect();
    accepted_once(&format!("Content-Disposition: x{sections}"));
    accepted_once(&format!("Content-Disposition: x{}", "; filename=\"=?q?\"".repeat(12_000)));
}

fn accepted_once(header: &str) {
    let mut scanner = gatepost_sdk::mime::Scanner::new(gatepost_sdk::mime::Limits::default());
    let mut seen = 0;
    scanner.feed(message(header).as_bytes(), &mut |event| {
        if let gatepost_sdk::mime::Event::Header { part, raw } = event {
            seen += gatepost_sdk::mime::part::names(raw).len();
            assert_eq!(gatepost_sdk::mime::part::doubt(part, raw), None);
        }
    });
    assert!(seen > 0);
}

#[test]
fn types_are_refused_too() {
    let expected = format!("attachments of type application/x-msdownload are not accepted here; {HELP}");
    assert_eq!(decide("{}", &message("Content-Type: Application/X-MSDownload; name=a.txt")), expected);
    assert_eq!(decide("{}", "Content-Type: application/x-msdownload\r\n\r\nMZ"), expected);
    let twice = message("Content-Type: text/plain\r\nContent-Type: application/x-msdownload");
    assert_eq!(decide("{}", &twice), expected);
    let config = r#"{"types": ["video/*"], "help": "no films"}"#;
    let film = message("Content-Type: video/mp4");
    assert_eq!(decide(config, &film), "attachments of type video/mp4 are not accepted here; no films");
    assert_eq!(decide(config, &message("Content-Type: application/x-msdownload")), "accept");
    assert_eq!(decide("{}", &film), "accept");
}

/// Goal: an attachment is seen wherever it lies.
#[test]
fn nested_and_protected_parts_are_looked_into() {
    let bad = message("Content-Disposition: attachment; filename=a.exe");
    let expected = format!("attachment \"a.exe\" is not accepted here; {HELP}");
    let forwarded = format!("Content-Type: message/rfc822\r\n\r\n{bad}");
    assert_eq!(decide("{}", &forwarded), expected);
    assert_eq!(decide("{}", &message(&forwarded)), expected);
    let signed = bad.replace("multipart/mixed", "multipart/signed");
    assert_eq!(decide("{}", &signed), expected);
    assert_eq!(decide("{}", &bad.replace("\r\n", "\n")), expected);
    assert_eq!(decide("{}", "Content-Disposition: attachment; filename=a.exe\r\n\r\nMZ"), expected);
    assert_eq!(decide("{}", "Content-Disposition: attachment; filename=a.exe"), expected);
}

#[test]
fn quarantine_instead() {
    let config = r#"{"action": "quarantine", "names": ["*.zip", "secret?.txt"]}"#;
    let header = |name: &str| message(&format!("Content-Disposition: attachment; filename={name}"));
    assert_eq!(decide(config, &header("a.ZIP")), "quarantine: attachment \"a.ZIP\" is not accepted here");
    assert_eq!(
        decide(config, &header("Secret1.txt")),
        "quarantine: attachment \"Secret1.txt\" is not accepted here"
    );
    assert_eq!(decide(config, &header("secret.txt")), "accept");
    assert_eq!(decide(config, &header("a.exe")), "accept");
}

fn deep(levels: usize, inside: &str) -> String {
    let open = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}.\r\n\r\n--b{n}.\r\n");
    (0..levels).map(open).collect::<String>() + inside
}

/// At each limit and one past it, with each `on_limit`. Depth 64 and 512 parts are the scanner's limits.
#[test]
fn what_cannot_be_seen() {
    let many = |n: usize| {
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(n))
    };
    let encoded = message("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64");
    let parameter = |n: usize| format!("Content-Type: multipart/mixed; boundary={}\r\n\r\nx", "b".repeat(n));
    for (at, past, reason) in [
        (deep(64, "\r\nx"), deep(65, "\r\nx"), "parts nested too deep"),
        (many(511), many(512), "too many parts"),
        (parameter(994), parameter(995), "a boundary is too long"),
        (message("Content-Type: message/rfc822"), encoded, "a nested message that is transfer-encoded"),
    ] {
        assert_eq!(decide("{}", &at), "accept", "{reason}");
        assert_eq!(decide("{}", &past), format!("attachments cannot be checked: {reason}; {HELP}"));
        let quarantine = format!("quarantine: attachments cannot be checked: {reason}");
        assert_eq!(decide(r#"{"on_limit": "quarantine"}"#, &past), quarantine);
        assert_eq!(decide(r#"{"on_limit": "pass"}"#, &past), "accept");
    }
}

/// A part that cannot be seen, put before a bad one, must not turn its refusal into a quarantine.
#[test]
fn what_rejects_outweighs_what_quarantines() {
    let both = message("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64")
        .replace("--b--", "--b\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\n--b--");
    let expected = format!("attachment \"a.exe\" is not accepted here; {HELP}");
    assert_eq!(decide(r#"{"on_limit": "quarantine"}"#, &both), expected);
    assert_eq!(decide(r#"{"on_limit": "pass"}"#, &both), expected);
}

#[test]
fn configs_are_checked() {
    let error = |config: &Value| configure::<AttachmentGuard>(&config.to_string()).err();
    for (config, expected) in [
        (json!({"names": vec!["*.a"; 500]}), None),
        (json!({"names": vec!["*.a"; 501]}), Some("names: 501 patterns, but at most 500 are allowed")),
        (json!({"names": ["x".repeat(100)]}), None),
        (
            json!({"names": ["x".repeat(101)]}),
            Some("names: a pattern of 101 bytes, but 1 to 100 are allowed"),
        ),
        (json!({"names": [""]}), Some("names: a pattern of 0 bytes, but 1 to 100 are allowed")),
        (json!({"names": [], "types": []}), None),
        (json!({"types": ["video"]}), Some("types: \"video\" is no type such as \"video/*\"")),
        (json!({"help": "x".repeat(200)}), None),
        (json!({"help": "x".repeat(201)}), Some("help: 201 bytes, but 1 to 200 are allowed")),
        (json!({"help": " "}), Some("help: 1 bytes, but 1 to 200 are allowed")),
        (json!({"help": "Grüße"}), Some("help: holds 'ü', but an SMTP reply is printable ASCII")),
    ] {
        assert_eq!(error(&config).as_deref(), expected, "{config}");
    }
    assert!(error(&json!({"action": "pass"})).is_some_and(|text| text.contains("unknown variant `pass`")));
    assert!(error(&json!({"name": []})).is_some_and(|text| text.contains("unknown field `name`")));
}

/// Goal: the schema in the crate says what the code takes.
/// Method: the same keys, the same defaults, and each value it lists is taken.
#[test]
fn the_schema_agrees() {
    let schema: Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let said: serde_json::Map<_, _> =
        properties.iter().map(|(key, property)| (key.clone(), property["default"].clone())).collect();
    assert_eq!(Value::Object(said), defaults);
    for (key, property) in properties {
        for value in property["enum"].as_array().into_iter().flatten() {
            assert!(
                configure::<AttachmentGuard>(&json!({ key: value }).to_string()).is_ok(),
                "{key} {value}"
            );
        }
    }
    assert_eq!(properties["names"]["maxItems"], attachment_guard::config::PATTERNS_MAX);
    assert_eq!(properties["names"]["items"]["maxLength"], attachment_guard::config::PATTERN_MAX);
    assert_eq!(properties["help"]["maxLength"], attachment_guard::config::HELP_MAX);
}
