//! The processor natively, over every way of cutting the message.

use gatepost_sdk::processor::configure;
use gatepost_sdk::testing::{Check, Envelope, Outcome};
use plus_fold::{Config, PlusFold};

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nbody\r\n";

fn run(config: &str, recipients: &[&str]) -> Outcome {
    let recipients = recipients.iter().map(ToString::to_string).collect();
    let envelope = Envelope { recipients, ..Envelope::default() };
    let outcome = Check::<PlusFold>::new().config(config).envelope(envelope).run(MESSAGE);
    assert!(outcome.result.is_ok());
    assert_eq!((outcome.output.as_slice(), outcome.writes), (MESSAGE, 1), "not a byte changes");
    outcome
}

fn check(recipients: &[&str], expected: &[&str]) {
    assert_eq!(run("{}", recipients).recipients, expected);
}

#[test]
fn tags_are_folded_away() {
    check(&["jo+news@a.example"], &["jo@a.example"]);
    check(&["jo+a+b@a.example"], &["jo@a.example"]);
    check(&["jo+@a.example"], &["jo@a.example"]);
    check(&["jo@a.example"], &["jo@a.example"]);
    check(&["jo-x@a.example"], &["jo-x@a.example"]);
    check(
        &["al@a.example", "jo+x@a.example", "bo@a.example"],
        &["al@a.example", "bo@a.example", "jo@a.example"],
    );
}

#[test]
fn duplicates_collapse() {
    check(&["jo+x@a.example", "jo+y@a.example", "jo@a.example"], &["jo@a.example"]);
    check(&["jo+x@a.example", "jo+x@b.example"], &["jo@a.example", "jo@b.example"]);
}

#[test]
fn what_is_no_tag_stays() {
    for address in ["+x@a.example", "\"jo+x\"@a.example", "jo.+x@a.example"] {
        check(&[address], &[address]);
    }
}

#[test]
fn the_tag_is_a_fact_where_there_is_one_recipient() {
    let tag = |recipients: &[&str]| run("{}", recipients).facts.get("x.plus-fold.tag").cloned();
    assert_eq!(tag(&["jo+news@a.example"]).as_deref(), Some("news"));
    assert_eq!(tag(&["jo+@a.example"]).as_deref(), Some(""));
    assert_eq!(tag(&["jo@a.example"]), None);
    assert_eq!(tag(&["jo+x@a.example", "al@a.example"]), None);
}

#[test]
fn separator_and_domains_are_chosen() {
    let recipients = |config, address| run(config, &[address]).recipients;
    assert_eq!(recipients(r#"{"separator": "-"}"#, "jo-x@a.example"), ["jo@a.example"]);
    assert_eq!(recipients(r#"{"separator": "-"}"#, "jo+x@a.example"), ["jo+x@a.example"]);
    let config = r#"{"domains": ["A.Example"]}"#;
    assert_eq!(recipients(config, "jo+x@a.example"), ["jo@a.example"]);
    assert_eq!(recipients(config, "jo+x@b.example"), ["jo+x@b.example"]);
}

#[test]
fn an_empty_message_is_folded_too() {
    let envelope = Envelope { recipients: vec!["jo+x@a.example".into()], ..Envelope::default() };
    assert_eq!(Check::<PlusFold>::new().envelope(envelope).run(b"").recipients, ["jo@a.example"]);
}

#[test]
fn the_config_is_checked() {
    let error = |json: &str| configure::<PlusFold>(json).err();
    assert_eq!(error("{}"), None);
    assert_eq!(error(r#"{"separator": "."}"#).unwrap(), "separator: expected \"+\" or \"-\", found '.'");
    assert_eq!(error(r#"{"domains": ["a@b"]}"#).unwrap(), "domains: \"a@b\" is no domain");
    assert!(error(r#"{"seperator": "+"}"#).unwrap().contains("unknown field `seperator`"));
    let many = |n| format!(r#"{{"domains": {:?}}}"#, vec!["a.example"; n]);
    assert_eq!(error(&many(1000)), None);
    assert_eq!(error(&many(1001)).unwrap(), "domains: 1001 of them, but at most 1000 are allowed");
}

/// Goal: the schema and the config cannot drift apart: the same keys, the same defaults.
#[test]
fn the_schema_agrees_with_the_config() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let told: serde_json::Map<_, _> =
        properties.iter().map(|(key, property)| (key.clone(), property["default"].clone())).collect();
    assert_eq!(serde_json::Value::Object(told), defaults);
    assert_eq!(schema["additionalProperties"], false);
    for separator in schema["properties"]["separator"]["enum"].as_array().unwrap() {
        assert!(configure::<PlusFold>(&format!(r#"{{"separator": {separator}}}"#)).is_ok());
    }
}
