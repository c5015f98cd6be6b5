//! `attachment-guard` natively and in the sandbox: the same decision, whatever the message and however it is cut.

use attachment_guard::AttachmentGuard;
use gatepost_sdk::Verdict;
use gatepost_tests::twin::Twin;

fn message(header: &str) -> String {
    format!(
        "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n{header}\r\n\r\nAAAA\r\n--b--\r\n"
    )
}

/// Goal: the same logic in two engines gives the same decision.
/// Method: what is refused by name, by type and for a limit, and what is not, over every cut.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let twin = Twin::<AttachmentGuard>::new("attachment-guard");
    for header in [
        "Content-Disposition: attachment; filename*=utf-8''a%2Eexe",
        "Content-Type: application/x-msdownload",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
    ] {
        let message = message(header);
        assert!(twin.agree("{}", message.as_bytes()).result.is_err(), "{header}");
        assert!(twin.agree("{}", message.replace("\r\n", "\n").as_bytes()).result.is_err(), "{header}");
        let config = r#"{"action": "quarantine", "on_limit": "quarantine"}"#;
        let outcome = twin.agree(config, message.as_bytes());
        assert!(matches!(outcome.result, Ok(Verdict::Quarantine(_))), "{header}");
        assert_eq!(outcome.text(), message);
    }
    for message in [message("X: a.exe"), "Subject: x\r\n\r\nbody".into(), "no header".into(), String::new()] {
        assert_eq!(twin.agree("{}", message.as_bytes()).result, Ok(Verdict::Accept), "{message}");
    }
}

/// Goal: a long message with its attachment far behind, and one with more parts than are looked at.
#[test]
fn long_messages_agree() {
    let twin = Twin::<AttachmentGuard>::new("attachment-guard");
    let text = "line\r\n--x\r\n".repeat(10_000);
    let bad = message("Content-Disposition: attachment; filename=a.exe").replace("text", &text);
    assert!(twin.agree("{}", bad.as_bytes()).result.is_err());
    let many =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned() + &"--b\r\n\r\nx\r\n".repeat(600);
    assert!(twin.agree("{}", many.as_bytes()).result.is_err());
    assert_eq!(twin.agree(r#"{"on_limit": "pass"}"#, many.as_bytes()).text(), many);
}

#[test]
fn it_refuses_configs_and_imports_no_more_than_it_needs() {
    let twin = Twin::<AttachmentGuard>::new("attachment-guard");
    twin.refuse(r#"{"action": "pass"}"#);
    twin.refuse(r#"{"names": [""]}"#);
    twin.refuse(r#"{"help": ""}"#);
    twin.imports_only(&["envelope", "next", "log"]);
}
