//! `disclaimer` natively and in the sandbox: the same message out, however it is cut.

use disclaimer::Disclaimer;
use gatepost_tests::twin::Twin;

fn twin() -> Twin<Disclaimer> {
    Twin::new("disclaimer")
}

const CONFIG: &str = r#"{"text": "Grüße\nErik", "ascii": "Gruss"}"#;

/// Goal: the same logic in two engines gives the same bytes.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    let twin = twin();
    let quoted =
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    for message in [
        "Subject: a\r\n\r\nhello\r\n".to_owned(),
        "Subject: a\n\nhello".to_owned(),
        "Subject: a\r\n".to_owned(),
        String::new(),
        format!("{quoted}<body>x=\r\n=3D</bo=\r\ndy></html>=20\r\n"),
        "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain\r\n--a\r\n\
         Content-Type: text/html\r\n\r\n<p>html\r\n--a--\r\n"
            .to_owned(),
        "Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n".to_owned(),
    ] {
        twin.agree(CONFIG, message.as_bytes());
    }
    let body = "word word word\r\n".repeat(5000);
    twin.agree(CONFIG, format!("Content-Type: text/html\r\n\r\n{body}</body>{body}").as_bytes());
}

#[test]
fn a_config_is_refused_with_the_same_words() {
    let twin = twin();
    for config in
        ["{}", r#"{"text": ""}"#, r#"{"text": "--"}"#, r#"{"text": "x", "ascii": "ü"}"#, r#"{"txt": 1}"#]
    {
        twin.refuse(config);
    }
}

#[test]
fn the_component_imports_only_what_it_needs() {
    twin().imports_only(&["envelope", "next", "log"]);
}
