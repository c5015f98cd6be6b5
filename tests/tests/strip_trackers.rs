//! `strip-trackers` natively and in the sandbox: the same message out, however it is cut.

use gatepost_tests::twin::Twin;
use strip_trackers::StripTrackers;

fn twin() -> Twin<StripTrackers> {
    Twin::new("strip-trackers")
}

const LINK: &str = "<p><a href=\"https://x.example/p?a=1&amp;utm_source=b&amp;c=caf&eacute;&gclid=d#e\">x</a>\
    <img src=\"https://t.example/p?u=1\" width=1 height=1><img src='//t.example/q' alt=q></p>\r\n";

/// Goal: the same logic in two engines gives the same bytes.
/// Method: each kind of part, with and without a list of one's own, over every cut.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let twin = twin();
    let quoted = LINK.replace('=', "=3D").replace("utm_source", "utm_sour=\r\nce");
    let messages = [
        format!("Content-Type: text/html\r\n\r\n{LINK}"),
        format!("Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{quoted}"),
        "Subject: a\n\nsee https://x.example/?utm_source=a&b=1, or http://x.example/?fbclid=1.\n".to_owned(),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhttps://x/?gclid=1\r\n--b\r\n\
             Content-Type: text/html\r\n\r\n{LINK}\r\n--b\r\nContent-Type: text/html\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nPGEgaHJlZj0iaHR0cDovL3gvP2djbGlkPTEiPg==\r\n--b--\r\n"
        ),
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n= =4 =\r\nhttps://x/?gclid=3D1 =zz".to_owned(),
        "no blank line https://x.example/?utm_source=a".to_owned(),
        String::new(),
    ];
    for message in messages {
        for config in
            ["{}", r#"{"domains": ["t.example"], "parameters": ["a"], "default_parameters": false}"#]
        {
            twin.agree(config, message.as_bytes());
        }
    }
    let outcome = twin.agree("{}", format!("Content-Type: text/html\r\n\r\n{LINK}").as_bytes());
    assert!(outcome.text().contains("p?a=1&amp;c=caf&eacute;#e"), "{}", outcome.text());
}

/// Goal: bodies of many chunks, and links longer than is looked at, are no different.
#[test]
fn long_messages_agree() {
    let twin = twin();
    let html = LINK.repeat(400);
    twin.agree("{}", format!("Content-Type: text/html\r\n\r\n{html}").as_bytes());
    let long = format!("<a href=\"http://x/?utm_source={}&a=1\">", "x".repeat(20_000));
    twin.agree("{}", format!("Content-Type: text/html\r\n\r\n{long}{LINK}").as_bytes());
}

#[test]
fn a_config_is_refused_with_the_same_words() {
    let twin = twin();
    for config in [r#"{"parameters": ["*"]}"#, r#"{"domains": [""]}"#, r#"{"domain": []}"#, "["] {
        twin.refuse(config);
    }
}

#[test]
fn the_component_imports_only_what_it_needs() {
    twin().imports_only(&["envelope", "next", "log"]);
}
