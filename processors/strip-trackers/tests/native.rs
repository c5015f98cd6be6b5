//! The processor natively, over every way of cutting each message.

use gatepost_sdk::Verdict;
use gatepost_sdk::processor::configure;
use gatepost_sdk::testing::{Check, Outcome};
use strip_trackers::{Config, ENTRY_MAX, LIST_MAX, SPAN_MAX, StripTrackers};

fn run(config: &str, message: &str) -> Outcome {
    let outcome = Check::<StripTrackers>::new().config(config).run(message.as_bytes());
    assert_eq!(outcome.result, Ok(Verdict::Accept));
    outcome
}

#[track_caller]
fn html(config: &str, text: &str, expected: &str) {
    let head = "Content-Type: text/html; charset=utf-8\r\n\r\n";
    assert_eq!(run(config, &format!("{head}{text}")).text(), format!("{head}{expected}"));
}

#[track_caller]
fn plain(text: &str, expected: &str) {
    assert_eq!(run("{}", &format!("A: b\r\n\r\n{text}")).text(), format!("A: b\r\n\r\n{expected}"));
}

#[test]
fn listed_parameters_go_and_all_else_stays() {
    for (query, expected) in [
        ("?utm_source=a", ""),
        ("?utm_source=a&UTM_medium=b#top", "#top"),
        ("?a=1&utm_source=a", "?a=1"),
        ("?utm_source=a&a=1", "?a=1"),
        ("?b=2&fbclid=x&a=1&&gclid=y&c#d?utm_x=1", "?b=2&a=1&&c#d?utm_x=1"),
        ("?%75tm_source=a&x=%75", "?x=%75"),
        ("?", "?"),
        ("?xutm_source=a&gclidx=1&sig=Zm9v%3D", "?xutm_source=a&gclidx=1&sig=Zm9v%3D"),
        ("/utm_source=a", "/utm_source=a"),
    ] {
        plain(
            &format!("see https://x.example/p{query} now\r\n"),
            &format!("see https://x.example/p{expected} now\r\n"),
        );
        html(
            "{}",
            &format!("<p><A title='>' HREF=\"http://x.example/{query}\">x</a>\r\n"),
            &format!("<p><A title='>' HREF=\"http://x.example/{expected}\">x</a>\r\n"),
        );
    }
    plain("(HTTP://x.example/?gclid=1).", "(HTTP://x.example/).");
    plain("ftp://x.example/?gclid=1 ://?gclid=1", "ftp://x.example/?gclid=1 ://?gclid=1");
}

#[test]
fn entities_separate_parameters_in_html() {
    html("{}", "<a href=//x.example/?a=1&amp;utm_a=2&#38;b=3>", "<a href=//x.example/?a=1&#38;b=3>");
    html("{}", "<img src = 'https://x.example/?utm_a=2&amp;b=3'>", "<img src = 'https://x.example/?b=3'>");
    html(
        "{}",
        "<a href='mailto:a@b?utm_a=1'><b href='//x/?gclid=1'>",
        "<a href='mailto:a@b?utm_a=1'><b href='//x/?gclid=1'>",
    );
}

/// The `&` of a character reference separates nothing: `caf&eacute;` is one value.
#[test]
fn character_references_belong_to_their_value() {
    for (query, expected) in [
        ("?utm_a=caf&eacute;x&c=1", "?c=1"),
        ("?a=1&utm_a=&quot;b&quot;&c=1", "?a=1&c=1"),
        ("?a=1&utm_a=&eacute;&amp;c=1", "?a=1&amp;c=1"),
        ("?a=&#xe9;&utm_a=1", "?a=&#xe9;"),
        ("?a=1&utm_a=1&copy=2", "?a=1&copy=2"),
        ("?utm_a=1&copycat=2&utm_b", "?copycat=2"),
        ("?utm_a=&eacute&c=1", "?c=1"),
        ("?utm_a=1&eacutes&c", "?eacutes&c"),
        ("?a&#0038;utm_a=1&AMP;c=&#233x", "?a&AMP;c=&#233x"),
        ("?a=1&utm_a=1&#35;top", "?a=1&#35;top"),
        ("?utm_a=&#xe9;&num;top?a=1", "&num;top?a=1"),
        ("?a=1&utm_a=1&#top&utm_b=1", "?a=1&#top&utm_b=1"),
    ] {
        let link = |query: &str| format!("<a href=\"http://x.example/{query}\">x</a>\r\n");
        html("{}", &link(query), &link(expected));
    }
    plain("http://x/?a&utm_a=caf&eacute;x&c", "http://x/?a&eacute;x&c");
    plain("http://x/?a&utm_a=1&#38;utm_b=1", "http://x/?a&#38;utm_b=1");
}

#[test]
fn pixels_go_and_pictures_stay() {
    let pixel = |attributes: &str| {
        html("{}", &format!("a<img src=\"https://t.example/p\" {attributes}>b"), "ab");
    };
    pixel("width=1 height=1");
    pixel("width='0' height=\"1px\"/");
    pixel("style='width:1px; HEIGHT : 0 !important'");
    pixel("style='display:none'");
    pixel("hidden");
    for kept in [
        "<img src=\"https://t.example/p\">",
        "<img src=\"https://t.example/p\" width=1 height=20>",
        "<img src=\"https://t.example/p\" width=600 style='display:none'>",
        "<img src=\"cid:1\" width=1 height=1>",
        "<img width=1 height=1>",
        "<image src='//t/' width=1 height=1>",
        "<img src='//t/' width=1 height=1",
    ] {
        html("{}", kept, kept);
    }
    html(r#"{"pixels": false}"#, "<img src=//t/ width=1 height=1>", "<img src=//t/ width=1 height=1>");
    let domains = r#"{"domains": ["T.example"]}"#;
    html(domains, "<img src=//u@a.t.example.:80/x><img src=//at.example>", "<img src=//at.example>");
}

#[test]
fn lists_are_the_operators() {
    html(r#"{"parameters": ["ref", "x_*"]}"#, "<a href=//x/?ref=1&x_y=2&gclid=3&z>", "<a href=//x/?z>");
    html(
        r#"{"parameters": ["ref"], "default_parameters": false}"#,
        "<a href=//x/?ref=1&gclid=3>",
        "<a href=//x/?gclid=3>",
    );
}

/// Goal: what is encoded is encoded again; what is signed, attached or in base64 stays.
#[test]
fn parts_are_looked_into_where_they_may_be() {
    let link = "<a href=3D\"https://x.example/?a=3D1&amp;utm_source=3Dnewsletter&amp;utm_medium=3D=\r\nemail\">x</a>=\r\n=C3=a4";
    let stripped = "<a href=3D\"https://x.example/?a=3D1\">x</a>=\r\n=C3=a4";
    let message = |text: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\
             Content-Transfer-Encoding: Quoted-Printable\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html\r\n\
             Content-Disposition: attachment\r\n\r\n<a href=//x/?gclid=1>\r\n--b--\r\n"
        )
    };
    let outcome = run("{}", &message(link));
    assert_eq!(outcome.text(), message(stripped));
    assert_eq!(outcome.counts["parameters"], 2);
    assert_eq!(outcome.counts["parts_left"], 1);
}

/// Goal: a tag or link at the limit is looked into, one past it passes, whatever the chunks.
#[test]
fn spans_hold_at_the_limit_and_one_past_it() {
    let head = "Content-Type: text/html\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let tag = |len: usize| {
        let tag = "<a href=//x/?gclid=1 title=";
        format!("{head}{tag}{}>", "t".repeat(len - tag.len() - 1))
    };
    let output = |message: &str| run("{}", message).text();
    assert_eq!(output(&tag(SPAN_MAX)), tag(SPAN_MAX).replace("?gclid=1", ""));
    assert_eq!(output(&tag(SPAN_MAX + 1)), tag(SPAN_MAX + 1));
}

#[test]
fn the_config_is_checked() {
    let error = |json: String| configure::<StripTrackers>(&json).err();
    let list = |count: usize| format!(r#"{{"parameters": {}}}"#, serde_json::json!(vec!["a"; count]));
    assert_eq!(error(list(LIST_MAX)), None);
    assert_eq!(error(list(LIST_MAX + 1)).unwrap(), "parameters: 257 entries, but at most 256 are allowed");
    let long = |len: usize| format!(r#"{{"domains": ["{}"]}}"#, "a".repeat(len));
    assert_eq!(error(long(ENTRY_MAX)), None);
    assert_eq!(
        error(long(ENTRY_MAX + 1)).unwrap(),
        "domains: an entry of 254 bytes, but at most 253 are allowed"
    );
    for bad in [r#"{"parameters": ["*"]}"#, r#"{"parameters": ["a=b"]}"#, r#"{"domains": [".t.example"]}"#] {
        assert!(error(bad.into()).unwrap().contains("cannot stand here"), "{bad}");
    }
    assert!(error(r#"{"domain": []}"#.into()).unwrap().contains("unknown field"));
}

/// Goal: the schema says what the code does.
/// Method: each property of it, with its default, is a config; the defaults are those of the code; there are no more keys.
#[test]
fn the_schema_agrees_with_the_code() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let Config { parameters, default_parameters, domains, pixels } = Config::default();
    let code = serde_json::json!({
        "parameters": parameters, "default_parameters": default_parameters, "domains": domains, "pixels": pixels,
    });
    let said = properties.iter().map(|(key, property)| (key.clone(), property["default"].clone())).collect();
    assert_eq!(serde_json::Value::Object(said), code);
    assert!(configure::<StripTrackers>(&code.to_string()).is_ok());
    assert_eq!(schema["additionalProperties"], false);
    for key in ["parameters", "domains"] {
        assert_eq!(properties[key]["maxItems"], LIST_MAX);
        assert_eq!(properties[key]["items"]["maxLength"], ENTRY_MAX);
    }
}
