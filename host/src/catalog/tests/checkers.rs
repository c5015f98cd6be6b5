//! Built-in checkers of recipients: where they may stand, what their settings are, who may set them, what is remembered.

use super::*;
use crate::catalog::change::Ask;
use crate::catalog::{ChainChange, ChangeError, Origin};
use crate::chain::CheckerFactory;

/// A catalog whose registry has the checkers `file` and `ask`, which take any `path`, and a sink `file`.
fn world() -> World {
    let world = World::new();
    let checker = || -> CheckerFactory {
        Arc::new(|_scope, settings| match settings.keys().find(|key| *key != "path") {
            Some(key) => Err(format!("unknown key `{key}`")),
            None => Ok(Arc::new(Fake("file".to_owned(), Content::Any, Content::Any))),
        })
    };
    let sink: SinkFactory = Arc::new(|_scope, _settings| {
        Ok(Arc::new(FakeSink { takes: Content::Any, can_quarantine: false, is_final: false }))
    });
    let registry =
        registry().with_checker("file", checker()).with_checker("ask", checker()).with_sink("file", sink);
    let config = World::config(world.folder.path(), "");
    let catalog = Catalog::open(config, registry, world.loader.clone(), Telemetry::default());
    World { catalog, ..world }
}

/// What is wrong with a tenant of these lines; nothing: it is live.
fn problems(world: &World, lines: &str) -> String {
    world.tenant("acme", "a.example", lines);
    let report = world.catalog.reload();
    report
        .refused
        .iter()
        .flat_map(|refused| &refused.problems)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn where_a_checker_may_stand() {
    let world = world();
    world.component("acme", "grey", "1.0.0", "wasm 1");
    for good in [
        "recipients = \"file\"\nchain = \"maildir\"",
        "recipients = \"file | grey\"\nchain = \"grey | maildir\"",
        "recipients = \"directory:file\"\nchain = \"file\"",
        "recipients = \"file\"\nchain = \"copy:file\"\n[stage.file]\npath = \"x\"\n[stage.copy]\npath = \"y\"",
        "recipients = \"file | grey\"\nchain = \"maildir\"\n[stage.file]\ncache = \"1s\"\n[stage.grey]\ncache = \"1d\"",
    ] {
        assert_eq!(problems(&world, good), "", "{good}");
    }
    let checks = world.catalog.current().tenants["acme"].checks.clone();
    assert!(checks.iter().all(|check| check.answers.is_some()));
    for (bad, expect) in [
        ("recipients = \"file\"\nchain = \"file\"", "recipients: `file` stands in `chain` too"),
        ("recipients = \"file\"\nchain = \"file:maildir\"", "for example `directory:file`"),
        (
            "recipients = \"header\"\nchain = \"maildir\"",
            "`header` is built in and does not check recipients",
        ),
        ("recipients = \"file@1\"\nchain = \"maildir\"", "`file` is built in and has no versions"),
        (
            "chain = \"ask | maildir\"",
            "chain: `ask` checks recipients: it stands in `recipients`, not in `chain`",
        ),
        ("chain = \"header | ask\"", "chain: `ask` checks recipients"),
        ("recipients = \"fil\"\nchain = \"maildir\"", "did you mean `file`?"),
        (
            "recipients = \"file\"\nchain = \"maildir\"\n[stage.file]\ngrants = []\nconfig = {}",
            "stage.file.config: does not apply",
        ),
        (
            "recipients = \"file\"\nchain = \"maildir\"\n[stage.file]\ncolour = 1",
            "stage.file: unknown key `colour`",
        ),
        ("recipients = \"file\"\nchain = \"maildir\"\n[stage.file]\ncache = \"0s\"", "stage.file.cache"),
        ("recipients = \"file\"\nchain = \"maildir\"\n[stage.file]\ncache = \"86401s\"", "stage.file.cache"),
        (
            "recipients = \"file\"\nchain = \"header | maildir\"\n[stage.header]\ncache = \"1m\"",
            "stage.header.cache: does not apply: only what checkers in `recipients` say can be remembered",
        ),
        (
            "recipients = \"file\"\nchain = \"maildir\"\n[stage.file]\non_failure = \"quarantine\"",
            "\"quarantine\" does not apply at RCPT",
        ),
    ] {
        let told = problems(&world, bad);
        assert!(told.contains(expect), "{bad}:\n{told}");
    }
}

/// Goal: `path` is the host's to set; where the same name is a sink and a checker, what the host has set for the one counts not for
/// the other.
#[test]
fn who_may_set_what() {
    let world = world();
    let ask = |by_tenant| Ask { expected: None, origin: Origin::set("host"), by_tenant };
    let change = |chain: &str, recipients: &str, stage: &[(&str, &str)]| {
        let tables = stage
            .iter()
            .map(|(label, json)| ((*label).to_owned(), Some(serde_json::from_str(json).unwrap())));
        ChainChange {
            chain: chain.to_owned(),
            recipients: Some(Some(recipients.to_owned())),
            stage: tables.collect(),
            ..ChainChange::default()
        }
    };
    let set = |wanted: &ChainChange, by_tenant| match world.catalog.set_chain("acme", wanted, &ask(by_tenant))
    {
        Ok(_) => "ok".to_owned(),
        Err(ChangeError::HostOnly(keys)) => keys.join(" "),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(problems(&world, "chain = \"maildir\"\n"), "");
    let wanted = change("maildir", "list:file", &[("list", r#"{"path": "/etc/passwd"}"#)]);
    assert_eq!(set(&wanted, true), "stage.list.path");
    assert_eq!(set(&wanted, false), "ok");
    assert_eq!(set(&change("header | maildir", "list:file | ask", &[]), true), "ok");
    let cached = change("maildir", "list:file", &[("list", r#"{"path": "/etc/passwd", "cache": "1m"}"#)]);
    assert_eq!(set(&cached, true), "ok");
    // The label is kept, but the list would become a folder to write to.
    assert_eq!(
        set(&change("list:file", "ask", &[("list", r#"{"path": "/etc/passwd"}"#)]), true),
        "stage.list.path"
    );
}
