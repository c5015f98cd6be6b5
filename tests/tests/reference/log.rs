//! The page of log fields, from the events' source, held against one of each event as the log writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use gatepost::telemetry::{Event, FailureRecord, Level, MessageRecord, StageRecord};

use super::{page, workspace};

/// One of each event, so that every metric has a series. A new one that counts must come in here: the log's page names all.
pub(super) fn one_of_each() -> Vec<Event> {
    let s = |text: &str| text.to_owned();
    let client = std::net::Ipv4Addr::LOCALHOST.into();
    let stage = StageRecord {
        name: s("stage"),
        bytes_out: 1,
        memory_peak: 1,
        table_peak: 1,
        host_calls: 1,
        log_bytes: 1,
        facts: 1,
        kv_calls: 1,
        kv_bytes: 1,
        limits: vec!["cpu".into()],
        ..StageRecord::default()
    };
    let stages = vec![stage];
    let failures = vec![FailureRecord::default()];
    let record = MessageRecord {
        tenant: s("t"),
        reason: s("why"),
        user: s("jo"),
        stages,
        failures,
        ..MessageRecord::default()
    };
    let (id, tenant, sink) = (s("id"), s("t"), s("sink"));
    vec![
        Event::Started { version: "", listeners: Vec::new(), admin: s("") },
        Event::Stopped { finished: true },
        Event::Notice { level: Level::Warn, text: s("") },
        Event::SwapFound { areas: vec![s("/dev/sda2")] },
        Event::SwapGone,
        Event::SessionOpened { listener: s("mx"), client },
        Event::SessionRefused {
            listener: s("mx"),
            client,
            reason: "proxy_header",
            detail: Some(s("no PROXY header: it begins otherwise")),
        },
        Event::HandshakeFailed { listener: s("mx"), client, error: s("not done within 30s") },
        Event::SessionClosed { listener: s("mx"), client, reason: "quit" },
        Event::LimitReached { listener: s("mx"), client, limit: "errors_max" },
        Event::RecipientRefused {
            listener: s("mx"),
            client,
            id: None,
            tenant: None,
            sender: None,
            recipient: s(""),
            reply: s(""),
            code: 550,
        },
        Event::Message(Box::new(record)),
        Event::TurnRefused {
            id: id.clone(),
            tenant: tenant.clone(),
            limit: "concurrent_messages",
            waited_ms: 1,
        },
        Event::StageFailed {
            id: id.clone(),
            tenant: tenant.clone(),
            stage: s("stage"),
            policy: s("defer"),
            reason: "trap",
            error: s(""),
        },
        Event::BreakerOpened {
            tenant: tenant.clone(),
            stage: s("stage"),
            place: "chain",
            reason: "trap",
            failures: 20,
            networks: 1,
            pause_ms: 1,
        },
        Event::BreakerProbing { id: id.clone(), tenant: tenant.clone(), stage: s("stage"), place: "chain" },
        Event::BreakerClosed { id: id.clone(), tenant: tenant.clone(), stage: s("stage"), place: "chain" },
        Event::StageLog {
            level: Level::Info,
            id: id.clone(),
            tenant: tenant.clone(),
            stage: s("stage"),
            text: s(""),
        },
        Event::StageCount { tenant: tenant.clone(), stage: s("stage"), name: s("n"), delta: 1 },
        Event::SinkFailed {
            id: id.clone(),
            tenant: tenant.clone(),
            sink: sink.clone(),
            error: s(""),
            held_by: Vec::new(),
        },
        Event::Relayed {
            id: id.clone(),
            tenant: tenant.clone(),
            sink: sink.clone(),
            hop: s("127.0.0.1:26"),
            tls: true,
            converted: 0,
            reply: s("250 ok"),
        },
        Event::SinkCommitted { id, tenant: tenant.clone(), sink, us: 1 },
        Event::SmokeFailed {
            tenant: tenant.clone(),
            stage: s("stage"),
            message: s("plain"),
            reason: s("trap"),
            error: s(""),
        },
        Event::ProcessorStored { owner: s("t"), name: s("n"), version: s("1.0.0"), hash: s(""), size: 1 },
        Event::ProcessorRemoved { owner: s("t"), name: s("n"), version: s("1.0.0") },
        Event::TenantRemoved { tenant: tenant.clone() },
        Event::ProcessorRefused { owner: s("t"), name: s("n"), version: s("1.0.0"), error: s("") },
        Event::TenantLoaded { tenant: tenant.clone(), revision: 1, chain: s("") },
        Event::ComponentCompiled {
            tenant: tenant.clone(),
            component: s(""),
            size: 1,
            outcome: "ok",
            error: None,
            cpu_ms: 1,
            ms: 1,
        },
        Event::Audit {
            actor: s("host"),
            client,
            method: s("PUT"),
            path: s(""),
            tenant: None,
            status: 200,
            revision_before: None,
            revision_after: None,
            detail: s(""),
        },
        Event::TokenRefused { client, failures: 1, limited: false },
        Event::AuthSucceeded { listener: s("mx"), client, user: s("jo"), mechanism: s("PLAIN") },
        Event::AuthFailed { listener: s("mx"), client, user: None, mechanism: s("PLAIN"), reason: "denied" },
        Event::TenantRefused { tenant, serving: None, problems: Vec::new() },
        Event::Reloaded { ok: true, changed: 0, refused: 0 },
    ]
}

/// A struct's or variant's fields as its source has them: name and words. Fields that are not written are left out.
fn fields(source: &str) -> Vec<(String, String)> {
    let (mut found, mut words, mut skipped) = (Vec::new(), Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("/// ") {
            words.push(doc.to_owned());
        } else if line == "#[serde(skip)]" {
            skipped = true;
        } else if let Some((name, _)) = line.split_once(": ") {
            let name = name.strip_prefix("pub ").unwrap_or(name).to_owned();
            let words = std::mem::take(&mut words).join(" ");
            if !std::mem::take(&mut skipped) {
                found.push((name, words));
            }
        }
    }
    found
}

/// Goal: every event and each of its fields is in the reference, in the words of the source.
/// Method: the source is read for the words, and held against one event of each kind, written as the log writes it.
#[test]
fn log_fields() {
    let read = |file: &str| fs::read_to_string(workspace().join("host/src/telemetry").join(file)).unwrap();
    let source = read("event.rs") + &read("record.rs");
    let block = |head: &str| {
        let start = source.find(head).unwrap_or_else(|| panic!("no `{head}`")) + head.len();
        let end = source[start..].find("\n}").unwrap() + start;
        &source[start..end]
    };
    let mut variants: BTreeMap<String, (String, Vec<(String, String)>)> = BTreeMap::new();
    let mut words = Vec::new();
    let mut lines = block("pub enum Event {\n").lines();
    while let Some(line) = lines.next() {
        if let Some(doc) = line.strip_prefix("    /// ") {
            words.push(doc);
        } else if let Some(name) =
            line.strip_prefix("    ").filter(|line| line.starts_with(char::is_uppercase))
        {
            let body: Vec<&str> = match name.ends_with('{') {
                true => lines.by_ref().take_while(|line| *line != "    },").collect(),
                false => Vec::new(),
            };
            let name = name.split([' ', '(', ',']).next().unwrap().to_owned();
            variants.insert(snake(&name), (std::mem::take(&mut words).join(" "), fields(&body.join("\n"))));
        }
    }
    let (record, stage) =
        (fields(block("pub struct MessageRecord {")), fields(block("pub struct StageRecord {")));
    variants.get_mut("message").unwrap().1 = record;

    let mut text = String::from(
        "# Log fields\n\nEach line of the log is a JSON object with `time` (RFC 3339, UTC), `level`, `event`, and the event's own fields. \
         ERROR: an operator must act. WARN: nothing was lost. [Operating](../operating.md#log) says more.\n",
    );
    let written: BTreeSet<String> = one_of_each().iter().map(|event| event_of(event).0).collect();
    let documented: BTreeSet<String> = variants.keys().cloned().collect();
    assert_eq!(documented, written, "`one_of_each` has one of each event");
    for event in one_of_each() {
        let (name, keys) = event_of(&event);
        let (words, fields) = &variants[&name];
        let level = match event {
            Event::Notice { .. } | Event::StageLog { .. } => "any level",
            _ => event.level().name(),
        };
        let _ = write!(text, "\n## `{name}`\n\n{words} ({level})\n\n| field | |\n| --- | --- |\n");
        let named: BTreeSet<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(named, keys, "the fields of `{name}`");
        write_rows(&mut text, fields);
    }
    let written = serde_json::to_value(one_of_each()).unwrap();
    let written = written.as_array().unwrap().iter().find(|event| event["event"] == "message").unwrap();
    let written: BTreeSet<String> =
        written["stages"][0].as_object().unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(stage.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), written, "of a stage");
    text.push_str("\n## A stage in `stages`\n\n| field | |\n| --- | --- |\n");
    write_rows(&mut text, &stage);
    page("log-fields.md", &text);
}

fn write_rows(text: &mut String, fields: &[(String, String)]) {
    for (name, words) in fields {
        let _ = writeln!(text, "| `{name}` | {words} |");
    }
}

/// An event's name and fields, as the log writes them.
fn event_of(event: &Event) -> (String, BTreeSet<String>) {
    let json = serde_json::to_value(event).unwrap();
    let object = json.as_object().unwrap();
    let keys = object.keys().filter(|key| *key != "event").cloned().collect();
    (object["event"].as_str().unwrap().to_owned(), keys)
}

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
        text
    })
}
