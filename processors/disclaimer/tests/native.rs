//! What `disclaimer` does to messages, natively and over every cut.

use disclaimer::Disclaimer;
use gatepost_sdk::testing::{Check, Outcome};

const UMLAUT: &str = r#"{"text": "Grüße\nErik", "ascii": "Gruss"}"#;
const PLAIN: &str = r#"{"text": "Bye & <end>"}"#;

fn run(config: &str, message: &str) -> Outcome {
    Check::<Disclaimer>::new().config(config).run(message.as_bytes())
}

/// `message` becomes `expected`, and a second time through stays so.
#[track_caller]
fn becomes(config: &str, message: &str, expected: &str, appended: u64) {
    let outcome = run(config, message);
    assert_eq!(outcome.text(), expected);
    assert_eq!(outcome.counts.get("appended").copied().unwrap_or(0), appended);
    let again = run(config, expected);
    assert_eq!(again.text(), expected, "a second time");
    assert_eq!(again.counts.get("appended"), None);
}

/// The message leaves as it came, with so many bodies that could not be changed.
#[track_caller]
fn stays(config: &str, message: &str, left: u64) {
    let outcome = run(config, message);
    assert_eq!(outcome.text(), message);
    assert_eq!(outcome.counts.get("left").copied().unwrap_or(0), left);
    assert_eq!(outcome.counts.get("appended"), None);
}

#[test]
fn plain_text_gets_it_at_its_end() {
    becomes(PLAIN, "Subject: a\r\n\r\nhello\r\n", "Subject: a\r\n\r\nhello\r\n\r\nBye & <end>\r\n", 1);
    becomes(PLAIN, "Subject: a\n\nhello\n", "Subject: a\n\nhello\n\nBye & <end>\n", 1);
    becomes(PLAIN, "Subject: a\r\n\r\nhello", "Subject: a\r\n\r\nhello\r\n\r\nBye & <end>", 1);
    becomes(PLAIN, "Subject: a\r\n\r\n", "Subject: a\r\n\r\n\r\nBye & <end>\r\n", 1);
}

/// A text put behind a header section that nothing ends would be one of its fields.
#[test]
fn a_message_without_a_body_stays() {
    stays(PLAIN, "", 0);
    stays(PLAIN, "Subject: a\r\n", 0);
    stays(PLAIN, "Subject: a", 0);
    stays(PLAIN, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n--b--\r\n", 0);
}

#[test]
fn html_gets_it_before_the_last_end_of_its_body() {
    let html = "Content-Type: text/html\r\n\r\n";
    let ours = "\r\n<p>Bye &amp; &lt;end&gt;</p>\r\n";
    becomes(
        PLAIN,
        &format!("{html}<body>x</BODY></html>\r\n"),
        &format!("{html}<body>x{ours}</BODY></html>\r\n"),
        1,
    );
    becomes(
        PLAIN,
        &format!("{html}<!-- </body> -->x</body>\r\n"),
        &format!("{html}<!-- </body> -->x{ours}</body>\r\n"),
        1,
    );
    becomes(PLAIN, &format!("{html}x</b>\r\n"), &format!("{html}x</b>\r\n{ours}"), 1);
}

/// Each alternative gets it, in its own encoding; what is not the body does not.
#[test]
fn each_form_of_the_body_gets_it_and_nothing_else() {
    let message = |plain: &str, html: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
             Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nhällo{plain}\r\n--a\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             <body>h=C3=A4llo{html}</body>\r\n--a--\r\n--m\r\n\
             Content-Type: text/plain\r\n\r\na footer of a list\r\n--m\r\n\
             Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nfile\r\n--m\r\n\
             Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner\r\n--m--\r\n"
        )
    };
    becomes(
        UMLAUT,
        &message("", ""),
        &message("\r\n\r\nGrüße\r\nErik", "\r\n<p>Gr&#252;&#223;e<br>\r\nErik</p>\r\n"),
        2,
    );
}

#[test]
fn where_only_ascii_is_possible_the_stand_in_is_taken() {
    for header in [
        "Subject: a\r\n\r\n",
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
    ] {
        becomes(UMLAUT, &format!("{header}x\r\n"), &format!("{header}x\r\n\r\nGruss\r\n"), 1);
        stays(r#"{"text": "Grüße"}"#, &format!("{header}x\r\n"), 1);
    }
    let quoted =
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    becomes(
        UMLAUT,
        &format!("{quoted}x=3D\r\n"),
        &format!("{quoted}x=3D\r\n\r\nGr=C3=BC=C3=9Fe\r\nErik\r\n"),
        1,
    );
}

/// A literal `=` behind which a line break were put would be a soft one; a space there would be padding.
#[test]
fn quoted_printable_before_the_text_keeps_its_meaning() {
    let quoted = "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    stays(PLAIN, &format!("{quoted}<p>a href=</body>\r\n"), 1);
    let ours = "\r\n<p>Bye &amp; &lt;end&gt;</p>\r\n";
    becomes(PLAIN, &format!("{quoted}4 5 </body>\r\n"), &format!("{quoted}4 5 =\r\n{ours}</body>\r\n"), 1);
    let plain = "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    stays(PLAIN, &format!("{plain}1 + 1 =="), 1);
}

#[test]
fn what_must_not_be_changed_stays() {
    stays(
        PLAIN,
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\ny\r\n--b--\r\n",
        1,
    );
    stays(PLAIN, "Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n", 1);
    stays(PLAIN, "Content-Type: text/plain; charset=utf-16\r\n\r\nx\r\n", 1);
    stays(PLAIN, "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n", 0);
    stays(PLAIN, "Content-Type: image/png\r\n\r\nx\r\n", 0);
}

/// Goal: what is held back is bounded, and bodies of many chunks are no different.
#[test]
fn long_bodies_get_it_as_well() {
    let body = "word word word\r\n".repeat(5000);
    becomes(PLAIN, &format!("A: b\r\n\r\n{body}"), &format!("A: b\r\n\r\n{body}\r\nBye & <end>\r\n"), 1);
    let html = format!("Content-Type: text/html\r\n\r\n<body>{body}");
    let ours = "\r\n<p>Bye &amp; &lt;end&gt;</p>\r\n";
    becomes(PLAIN, &format!("{html}</body>{body}"), &format!("{html}{ours}</body>{body}"), 1);
}

/// The schema's properties are the config's, its required ones those without a default.
#[test]
fn the_schema_agrees() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let all: serde_json::Value =
        properties.keys().map(|key| (key.clone(), serde_json::Value::from("x"))).collect();
    assert!(gatepost_sdk::processor::configure::<Disclaimer>(&all.to_string()).is_ok());
    let error = gatepost_sdk::processor::configure::<Disclaimer>(r#"{"txt": ""}"#).unwrap_err();
    for key in properties.keys() {
        assert!(error.contains(&format!("`{key}`")), "{key}: {error}");
    }
    assert_eq!(error.matches('`').count() / 2, properties.len() + 1, "{error}");
    let error = gatepost_sdk::processor::configure::<Disclaimer>("{}").unwrap_err();
    assert!(error.contains("missing field `text`"), "{error}");
    assert_eq!(schema["required"], serde_json::json!(["text"]));
}
