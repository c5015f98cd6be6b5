//! The processor and the checker natively, with a clock of the test's own.

use gatepost_sdk::testing::{Check, CheckRecipient, Envelope, MemoryKv, Surroundings};
use gatepost_sdk::{KvError, Refusal, Verdict};
use greylist::{Config, Greylist};

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nbody\r\n";
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// One tenant's greylist over a time of the test's own.
struct Story {
    config: String,
    kv: MemoryKv,
    start_ms: u64,
    now_ms: u64,
    ip: String,
    sender: Option<String>,
    auth: bool,
}

impl Story {
    fn new(config: &str) -> Self {
        let Surroundings { kv, now_ms, .. } = Surroundings::default();
        Self {
            config: config.into(),
            kv,
            start_ms: now_ms,
            now_ms,
            ip: "192.0.2.1".into(),
            sender: Some("a@client.example".into()),
            auth: false,
        }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now_ms = self.start_ms + ms;
        self
    }

    fn around(&self) -> (Envelope, Surroundings) {
        let mut facts = std::collections::BTreeMap::from([("client.ip".to_owned(), self.ip.clone())]);
        if self.auth {
            facts.insert("auth.user".into(), "jo".into());
        }
        let envelope = Envelope { sender: self.sender.clone(), facts, ..Envelope::default() };
        (envelope, Surroundings { now_ms: self.now_ms, kv: self.kv.clone(), seed: 1 })
    }

    /// RCPT: what is answered.
    fn rcpt(&mut self, address: &str) -> Result<(), Refusal> {
        let (envelope, around) = self.around();
        let envelope = Envelope { recipients: Vec::new(), ..envelope };
        let check = CheckRecipient::<Greylist>::new().config(&self.config).envelope(envelope);
        let answer = check.surroundings(around).ask(address);
        self.kv = answer.kv;
        answer.result
    }

    /// DATA: what is answered, over every way of cutting the message.
    fn data(&mut self, recipients: &[&str]) -> Result<Verdict, Refusal> {
        let (envelope, around) = self.around();
        let recipients = recipients.iter().map(ToString::to_string).collect();
        let envelope = Envelope { recipients, ..envelope };
        let check = Check::<Greylist>::new().config(&self.config).envelope(envelope);
        let outcome = check.surroundings(around).run(MESSAGE);
        self.kv = outcome.kv;
        assert!(outcome.result.is_err() || outcome.output == MESSAGE);
        outcome.result
    }
}

fn wait(seconds: u64) -> Result<(), Refusal> {
    Err(Refusal::defer(format!("Greylisted: first contact, please try again in {seconds} seconds")))
}

/// Goal: the life of one contact, at each of its limits and one past it.
#[test]
fn a_first_contact_waits_comes_again_and_stays() {
    let mut story = Story::new("{}");
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    assert_eq!(story.at(1000).rcpt("jo@t.example"), wait(299));
    assert_eq!(story.at(5 * MINUTE - 1).rcpt("jo@t.example"), wait(1));
    assert_eq!(story.at(5 * MINUTE).rcpt("jo@t.example"), Ok(()));
    assert_eq!(story.at(5 * MINUTE + 35 * DAY - 1).rcpt("jo@t.example"), Ok(()), "and renewed");
    assert_eq!(story.at(5 * MINUTE + 70 * DAY - 2).rcpt("jo@t.example"), Ok(()));
    assert_eq!(story.at(200 * DAY).rcpt("jo@t.example"), wait(300), "forgotten");
}

#[test]
fn who_comes_too_late_begins_anew() {
    let mut story = Story::new("{}");
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    assert_eq!(story.at(240 * MINUTE).rcpt("jo@t.example"), wait(300));
    let mut story = Story::new("{}");
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    assert_eq!(story.at(240 * MINUTE - 1).rcpt("jo@t.example"), Ok(()));
}

#[test]
fn network_sender_and_recipient_count() {
    let mut story = Story::new("{}");
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    story.at(5 * MINUTE);
    assert_eq!(story.rcpt("al@t.example"), wait(300), "another recipient");
    story.ip = "192.0.3.1".into();
    assert_eq!(story.rcpt("jo@t.example"), wait(300), "another network");
    story.ip = "192.0.2.200".into();
    story.sender = Some("b@client.example".into());
    assert_eq!(story.rcpt("jo@t.example"), wait(300), "another sender");
    story.sender = Some("A@Client.example".into());
    assert_eq!(story.rcpt("Jo@T.example"), Ok(()), "another host of the network, another case");
}

#[test]
fn numbered_bounce_addresses_are_one_sender() {
    let mut story = Story::new("{}");
    story.sender = Some("list-bounces-1001@client.example".into());
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    story.sender = Some("list-bounces-7@client.example".into());
    assert_eq!(story.at(5 * MINUTE).rcpt("jo@t.example"), Ok(()));
}

#[test]
fn stage_and_checker_share_what_they_know() {
    let mut story = Story::new("{}");
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    assert_eq!(story.at(MINUTE).data(&["jo@t.example", "al@t.example"]).err(), wait(300).err());
    assert_eq!(story.at(5 * MINUTE).data(&["jo@t.example"]), Ok(Verdict::Accept));
    assert_eq!(story.at(5 * MINUTE).data(&["jo@t.example", "al@t.example"]).err(), wait(60).err());
    assert_eq!(story.at(6 * MINUTE).data(&["jo@t.example", "al@t.example"]), Ok(Verdict::Accept));
}

#[test]
fn some_never_wait() {
    let mut story =
        Story::new(r#"{"networks_allowed": ["198.51.100.0/24"], "senders_allowed": ["Ok.example"]}"#);
    story.ip = "198.51.100.9".into();
    assert_eq!(story.rcpt("jo@t.example"), Ok(()));
    story.ip = "192.0.2.1".into();
    for (sender, taken) in [("a@ok.example", true), ("a@sub.OK.example", true), ("a@notok.example", false)] {
        story.sender = Some(sender.into());
        assert_eq!(story.rcpt("jo@t.example").is_ok(), taken, "{sender}");
    }
    story.sender = None;
    assert_eq!(story.rcpt("jo@t.example"), wait(300));
    story.auth = true;
    assert_eq!(story.rcpt("jo@t.example"), Ok(()));
    assert_eq!(story.kv.keys(story.now_ms).count(), 2, "who need not wait is not remembered");
    let mut story = Story::new(r#"{"null_sender": false}"#);
    story.sender = None;
    assert_eq!(story.rcpt("jo@t.example"), Ok(()));
}

#[test]
fn without_the_store_mail_passes_or_waits_as_configured() {
    for fault in [KvError::Quota, KvError::Unavailable("down".into())] {
        let mut story = Story::new("{}");
        story.kv = MemoryKv::failing(fault.clone());
        assert_eq!(story.rcpt("jo@t.example"), Ok(()));
        assert_eq!(story.data(&["jo@t.example"]), Ok(Verdict::Accept));
        story.config = r#"{"on_kv_failure": "defer"}"#.into();
        assert_eq!(story.rcpt("jo@t.example"), wait(300));
        assert_eq!(story.data(&["jo@t.example"]).err(), wait(300).err());
    }
}

#[test]
fn keys_are_short_and_hold_no_address() {
    let mut story = Story::new("{}");
    let long = format!("{}@{}.example", "l".repeat(64), "d".repeat(180));
    story.sender = Some(long.clone());
    assert_eq!(story.rcpt(&long), wait(300));
    let keys: Vec<_> = story.kv.keys(story.now_ms).collect();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("greylist:") && keys[0].len() == 41, "{}", keys[0]);
}

#[test]
fn the_config_is_checked() {
    let error = |json: &str| gatepost_sdk::recipients::configure::<Greylist>(json).err().unwrap_or_default();
    assert_eq!(error("{}"), "");
    assert_eq!(error(r#"{"delay": "1ms", "retry_window": "2ms", "pass_ttl": "365d"}"#), "");
    for (key, value) in [("delay", "0s"), ("delay", "5"), ("retry_window", "366d"), ("pass_ttl", "-1s")] {
        let text = error(&format!(r#"{{"{key}": "{value}"}}"#));
        assert!(text.starts_with(&format!("{key}: expected a time from \"1ms\" to \"365d\"")), "{text}");
    }
    let text = error(r#"{"delay": "4h"}"#);
    assert_eq!(text, "delay: must be shorter than retry_window, or nobody ever passes");
    assert!(error(r#"{"networks_allowed": ["x"]}"#).starts_with("networks_allowed: \"x\" is no network"));
    assert_eq!(error(r#"{"senders_allowed": ["a@b"]}"#), "senders_allowed: \"a@b\" is no domain");
    assert!(error(r#"{"delays": "5m"}"#).contains("unknown field `delays`"));
    let many = |n| format!(r#"{{"senders_allowed": {:?}}}"#, vec!["a.example"; n]);
    assert_eq!(error(&many(1000)), "");
    assert!(error(&many(1001)).contains("at most 1000 are allowed"));
}

/// Goal: the schema and the config cannot drift apart: the same keys, the same defaults.
#[test]
fn the_schema_agrees_with_the_config() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let told: serde_json::Map<_, _> =
        properties.iter().map(|(key, property)| (key.clone(), property["default"].clone())).collect();
    assert_eq!(serde_json::Value::Object(told), serde_json::to_value(Config::default()).unwrap());
    assert_eq!(schema["additionalProperties"], false);
}
