//! A change of one tenant's chain, and what a disk that fails or a host that dies in the middle of it leaves.

use super::*;
use crate::config::Limits;

fn change(chain: &str) -> ChainChange {
    ChainChange { chain: chain.to_owned(), ..ChainChange::default() }
}

/// What the host asks for.
fn ask(expected: Option<u64>) -> Ask {
    Ask { origin: Origin::set("host"), by_tenant: false, expected }
}

fn set(world: &World, chain: &str) -> Result<ChainView, ChangeError> {
    world.catalog.set_chain("acme", &change(chain), &ask(None))
}

fn back(world: &World, to: Option<u64>) -> Result<ChainView, ChangeError> {
    world.catalog.roll_back("acme", to, &Ask { origin: Origin::rollback("host"), ..ask(None) })
}

/// A revision that was written by a host that died before it was live.
fn append(world: &World, text: &str) {
    let tenant = world.catalog.current().tenants["acme"].clone();
    world.catalog.store().append("acme", text, &Origin::file().about(&tenant)).unwrap();
}

fn serving(world: &World) -> String {
    let tenant = world.catalog.current().tenants["acme"].clone();
    format!("{}#{}: {}", tenant.name, tenant.revision, tenant.spec)
}

/// A world with `acme` live as revision 1: `header | maildir`.
fn world() -> World {
    let world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    world.tenant("bolt", "bolt.example", PLAIN);
    assert_eq!(world.reload(), ["changed acme#1", "changed bolt#1"]);
    world
}

#[test]
fn only_that_tenant_is_swapped() {
    let world = world();
    let (acme, bolt) = ("acme", "bolt");
    let before = world.catalog.current();
    let view = world.catalog.set_chain(acme, &change("maildir"), &ask(Some(1))).unwrap();
    assert_eq!((view.revision, view.chain.as_str()), (2, "maildir"));
    let after = world.catalog.current();
    assert!(Arc::ptr_eq(&before.tenants[bolt], &after.tenants[bolt]), "the same tenant, not a like one");
    assert!(Arc::ptr_eq(&before.tenants[acme].quota, &after.tenants[acme].quota));
    assert_eq!(before.tenants[acme].revision, 1, "messages under way keep theirs");
    assert_eq!(world.owner("a@acme.example"), "acme#2");
    assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt"]);
}

/// Goal: the same chain again takes up a newer component, as a new revision; nothing else does, not even a restart.
#[test]
fn a_revision_goes_on_meaning_what_it_meant() {
    let mut world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let first = set(&world, "strip@1 | maildir").unwrap();
    assert_eq!(first, set(&world, "strip@1 | maildir").unwrap());
    world.component("acme", "strip", "1.1.0", "wasm 2");
    assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt"]);
    world.restart("");
    assert_eq!(world.catalog.chain_view("acme").unwrap(), first);
    let newer = set(&world, "strip@1 | maildir").unwrap();
    assert_eq!((first.revision, newer.revision), (2, 3));
    assert!(newer.stages[0].processor.starts_with("acme/strip@1.1.0#"), "{newer:?}");
    world.restart("");
    assert_eq!(world.catalog.chain_view("acme").unwrap(), newer);
    // What it ran is there no more, so it means what is there.
    fs::remove_file(world.folder.path().join("catalog/processors/acme/strip/1.1.0.wasm")).unwrap();
    assert_eq!(world.reload(), ["changed acme#4", "unchanged bolt"]);
    let now = world.catalog.chain_view("acme").unwrap();
    assert_eq!(now.stages[0].processor, first.stages[0].processor);
}

/// Goal: a rollback runs the very bytes of the revision it brings back, and is a revision of its own that says so.
#[test]
fn a_rollback_brings_back_the_same_bytes() {
    let mut world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let first = set(&world, "strip | maildir").unwrap();
    world.component("acme", "strip", "2.0.0", "wasm 2");
    let second = set(&world, "strip | maildir").unwrap();
    assert_ne!(first.stages, second.stages, "the file says the same, but means another version");
    let again = back(&world, Some(2)).unwrap();
    assert_eq!((again.revision, &again.stages), (4, &first.stages));
    world.restart("");
    assert_eq!(world.catalog.chain_view("acme").unwrap(), again);
    let history = world.catalog.history("acme").unwrap();
    let told: Vec<_> =
        history.iter().map(|r| (r.revision, r.live, r.action, r.of, r.author.as_str())).collect();
    assert_eq!(
        told,
        [
            (4, true, Action::Rollback, Some(2), "host"),
            (3, false, Action::Set, None, "host"),
            (2, false, Action::Set, None, "host"),
            (1, false, Action::File, None, "file"),
        ]
    );
    assert_eq!(history[0].components[0].processor, "acme/strip@1.0.0");
    assert_eq!(back(&world, None).unwrap().stages, second.stages, "the one before that which is live");
    assert!(matches!(back(&world, Some(99)), Err(ChangeError::NoRevision(_, 99))));
    fs::remove_file(world.folder.path().join("catalog/processors/acme/strip/1.0.0.wasm")).unwrap();
    let Err(ChangeError::Refused(problems)) = back(&world, Some(2)) else {
        panic!("it has lost its component")
    };
    assert!(problems[0].text.contains("acme/strip@1.0.0"), "{problems:?}");
    assert_eq!(world.catalog.chain_view("acme").unwrap().revision, 5);
}

/// Goal: what a diff shows is what changed.
#[test]
fn the_past_shows_what_changed() {
    let world = world();
    set(&world, "maildir").unwrap();
    let past = world.catalog.past("acme", 2).unwrap();
    assert!(past.diff.contains("-chain = \"header | maildir\"\n+chain = \"maildir\"\n"), "{}", past.diff);
    assert_eq!(past.diff_live, "");
    let first = world.catalog.past("acme", 1).unwrap();
    assert!(first.diff_live.contains("--- revision 2\n+++ revision 1\n"), "{}", first.diff_live);
    assert!(first.diff_live.contains("+chain = \"header | maildir\"\n"), "{}", first.diff_live);
    assert!(matches!(world.catalog.past("acme", 3), Err(ChangeError::NoRevision(..))));
    assert!(matches!(world.catalog.history("../acme"), Err(ChangeError::NoTenant(_))));
}

/// Goal: a tenant may change what is its own, and may keep what the host has set; whatever else it tries is named.
#[test]
fn a_tenant_may_set_what_is_its_own() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let mut narrow = world.catalog.tenant("acme").unwrap().settings;
    narrow.limits.insert("cpu_per_message".into(), "50ms".into());
    narrow.limits.insert("memory_per_instance".into(), "16MiB".into());
    world.catalog.put_tenant("acme", &narrow, &ask(None)).unwrap();
    let by_tenant = Ask { by_tenant: true, ..ask(None) };
    let mut wanted = change("strip | maildir");
    wanted.on_failure = Some(Some("reject".to_owned()));
    let table = |text: &str| Some(serde_json::from_str(text).unwrap());
    wanted.stage.insert(
        "strip".into(),
        table(r#"{"config": {"a": 1}, "on_failure": "bypass", "cpu_per_message": "20ms"}"#),
    );
    world.catalog.set_chain("acme", &wanted, &by_tenant).unwrap();
    let refused = |chain: &str, label: &str, json: &str| {
        let mut wanted = change(chain);
        wanted.stage.insert(label.to_owned(), table(json));
        match world.catalog.set_chain("acme", &wanted, &by_tenant) {
            Err(ChangeError::HostOnly(keys)) => keys.join(" "),
            other => panic!("{label} {json}: {other:?}"),
        }
    };
    assert_eq!(refused("strip | maildir", "maildir", r#"{"path": "/etc"}"#), "stage.maildir.path");
    assert_eq!(
        refused("strip | maildir", "strip", r#"{"cpu_per_message": "51ms"}"#),
        "stage.strip.cpu_per_message"
    );
    assert_eq!(
        refused("strip | maildir", "strip", r#"{"memory_per_instance": "17MiB"}"#),
        "stage.strip.memory_per_instance"
    );
    // What the host has set may stay, but not for another sink under the same label.
    let mut by_host = change("a:maildir");
    by_host.stage.insert("a".into(), table(r#"{"path": "/var/mail/acme"}"#));
    world.catalog.set_chain("acme", &by_host, &ask(None)).unwrap();
    world.catalog.set_chain("acme", &change("header | a:maildir"), &by_tenant).unwrap();
    let swapped = world.catalog.set_chain("acme", &change("a:relay"), &by_tenant).unwrap_err();
    assert_eq!(swapped.to_string(), "only the host may set stage.a.path: ask it, or leave it as it is");
    // Neither by way of the past.
    let mut settings = world.catalog.tenant("acme").unwrap().settings;
    settings.domains.push("more.example".to_owned());
    let (_, with_more) = world.catalog.put_tenant("acme", &settings, &ask(None)).unwrap();
    settings.domains.pop();
    world.catalog.put_tenant("acme", &settings, &ask(None)).unwrap();
    let back = world.catalog.roll_back("acme", Some(with_more.revision), &by_tenant).unwrap_err();
    assert!(matches!(&back, ChangeError::HostOnly(keys) if keys == &["domains"]), "{back}");
}

/// Goal: a tenant is made, changed and removed whole; its domains are given out and taken back; one that comes later under its
/// name finds nothing of it.
#[test]
fn tenants_come_and_go() {
    let mut world = world();
    let settings = |domains: &[&str]| TenantSettings {
        domains: domains.iter().map(ToString::to_string).collect(),
        chain: "header | maildir".to_owned(),
        ..TenantSettings::default()
    };
    let put = |name: &str, domains: &[&str]| world.catalog.put_tenant(name, &settings(domains), &ask(None));
    let (is_new, view) = put("cora", &["cora.example"]).unwrap();
    assert!(is_new);
    assert_eq!((view.revision, world.owner("a@cora.example").as_str()), (1, "cora#1"));
    let Err(ChangeError::Refused(problems)) = put("dora", &["acme.example"]) else { panic!("it is acme's") };
    assert_eq!(problems[0].text, "`acme.example` belongs to another tenant");
    let Err(ChangeError::Refused(_)) = put("cora", &["cora.example", "bolt.example"]) else {
        panic!("it is bolt's")
    };
    assert!(!put("cora", &["cora.example", "cora.test"]).unwrap().0);
    assert_eq!(world.owner("a@cora.test"), "cora#2");
    assert!(matches!(put("host", &["x.example"]), Err(ChangeError::Refused(_))));
    world.component("cora", "mine", "1.0.0", "wasm 1");
    assert!(matches!(world.catalog.remove_tenant("cora", Some(1)), Err(ChangeError::Stale { live: 2 })));
    world.catalog.remove_tenant("cora", Some(2)).unwrap();
    assert!(matches!(world.catalog.remove_tenant("cora", None), Err(ChangeError::NoTenant(_))));
    assert_eq!(world.owner("a@cora.example"), "550");
    assert_eq!(put("dora", &["cora.example"]).unwrap().1.revision, 1);
    assert_eq!(put("cora", &["cora.test"]).unwrap().1.revision, 1, "its history is not the old one's");
    assert!(!world.catalog.processors(Some("cora")).unwrap().iter().any(|p| p.owner == "cora"));
    let before = world.catalog.tenant("cora").unwrap();
    world.restart("");
    assert_eq!(world.catalog.tenant("cora").unwrap(), before);
    assert_eq!(world.owner("a@cora.example"), "dora#1");
}

/// Goal: a component that a live chain has stays, with its users named; another goes.
#[test]
fn what_is_in_use_stays() {
    let world = world();
    world.component("host", "strip", "1.0.0", "wasm 1");
    world.component("host", "strip", "1.1.0", "wasm 2");
    set(&world, "strip | maildir").unwrap();
    let remove = |version: &str| world.catalog.remove_processor(None, "strip", version);
    let Err(InventoryError::InUse { users, .. }) = remove("1.1.0") else { panic!("it is in use") };
    assert_eq!(users, ["acme (revision 2)"]);
    remove("1.0.0").unwrap();
    assert!(matches!(remove("1.0.0"), Err(InventoryError::Absent(_))));
    for (tenant, name) in [(Some("../x"), "strip"), (None, "../strip"), (Some("nobody"), "strip")] {
        let gone = world.catalog.remove_processor(tenant, name, "1.1.0");
        assert!(matches!(gone, Err(InventoryError::Absent(_))), "{tenant:?} {name}");
    }
    let there = world.catalog.processors(Some("acme")).unwrap();
    let told: Vec<_> =
        there.iter().map(|p| (p.owner.as_str(), p.version.as_str(), p.used_by.join(" "))).collect();
    assert_eq!(told, [("host", "1.1.0", "acme".to_owned())]);
    set(&world, "maildir").unwrap();
    remove("1.1.0").unwrap();
}

/// Goal: where the disk does not take the new revision, or the new file, the old chain serves and the files say so.
/// Method: a folder stands where the temporary file would be made.
#[test]
fn a_disk_that_fails_changes_nothing() {
    let mut world = world();
    let root = world.folder.path().join("catalog");
    for blocked in ["history/acme/.0002.toml.new", "tenants/.acme.toml.new"] {
        fs::create_dir(root.join(blocked)).unwrap();
        let error = set(&world, "maildir").unwrap_err();
        assert!(matches!(error, ChangeError::Io(_)), "{error}");
        assert_eq!(serving(&world), "acme#1: header | maildir");
        assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
        assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt"]);
        fs::remove_dir(root.join(blocked)).unwrap();
    }
    set(&world, "maildir").unwrap();
    assert_eq!(say(&world.restart("")), ["changed acme#2", "changed bolt#1"]);
}

/// Goal: a host that dies between two steps comes back with one chain or the other, and takes changes again.
/// Method: what each step leaves is laid out by hand.
#[test]
fn each_step_leaves_something_whole() {
    let new = "domains = [\"acme.example\"]\nchain = \"maildir\"\n";
    // After the revision: the old one, and nothing is left of the new one.
    let mut world = world();
    append(&world, new);
    world.restart("");
    assert_eq!(serving(&world), "acme#1: header | maildir");
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
    assert_eq!(set(&world, "maildir").unwrap().revision, 2);
    // Within the live file: the old one stands, what was begun is not looked at.
    let mut world = self::world();
    append(&world, new);
    let begun = world.catalog.store().tenant_path("acme").with_file_name(".acme.toml.new");
    fs::write(&begun, &new[..20]).unwrap();
    world.restart("");
    assert_eq!(serving(&world), "acme#1: header | maildir");
    set(&world, "maildir").unwrap();
    assert!(!begun.exists());
    // After the live file: the new chain.
    let mut world = self::world();
    append(&world, new);
    world.catalog.store().put_tenant("acme", new).unwrap();
    world.restart("");
    assert_eq!(serving(&world), "acme#2: maildir");
}

#[test]
fn a_host_that_is_over_takes_no_change() {
    let world = world();
    world.catalog.retire();
    assert!(set(&world, "maildir").is_err());
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
}

/// Goal: a stage that does not even start with half of its budget goes live with a warning.
#[test]
fn a_config_that_takes_more_than_half_of_the_budget() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm slow");
    let view = set(&world, "strip | maildir").unwrap();
    let text = "does not start with half of its CPU budget: used its 50 ms of CPU time";
    let expect = SmokeWarning {
        stage: "strip".into(),
        message: String::new(),
        reason: "configure".into(),
        text: text.into(),
    };
    assert_eq!(view.warnings, [expect]);
    assert_eq!(serving(&world), "acme#2: strip | maildir");
}

/// Goal: where the live text does not hold any more under what the host has set since, a tenant may change nothing: else it could
/// set what is the host's, for nobody can say what is new.
#[test]
fn rights_fail_closed() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let table = |text: &str| Some(serde_json::from_str(text).unwrap());
    let mut wide = change("strip | maildir");
    wide.stage.insert("strip".into(), table(r#"{"cpu_per_message": "90ms"}"#));
    world.catalog.set_chain("acme", &wide, &ask(None)).unwrap();
    world.reconfigure("[limits.max]\ncpu_per_message = \"50ms\"\n[limits]\ncpu_per_message = \"50ms\"\n");
    let by_tenant = Ask { by_tenant: true, ..ask(None) };
    let mut wanted = change("maildir");
    wanted.stage.insert("maildir".into(), table(r#"{"path": "/etc"}"#));
    let error = world.catalog.set_chain("acme", &wanted, &by_tenant).unwrap_err();
    assert!(
        matches!(&error, ChangeError::Conflict(text) if text.contains("only the host may change it")),
        "{error}"
    );
    let error = world.catalog.roll_back("acme", Some(1), &by_tenant).unwrap_err();
    assert!(matches!(error, ChangeError::Conflict(_)), "{error}");
}

/// Goal: what the host has set a tenant may not take away either.
#[test]
fn what_the_host_has_set_stays() {
    let world = world();
    let table = |text: &str| Some(serde_json::from_str(text).unwrap());
    let mut by_host = change("maildir");
    by_host.stage.insert("maildir".into(), table(r#"{"path": "/var/mail/acme"}"#));
    world.catalog.set_chain("acme", &by_host, &ask(None)).unwrap();
    let by_tenant = Ask { by_tenant: true, ..ask(None) };
    for taken in [None, table("{}")] {
        let mut wanted = change("header | maildir");
        wanted.stage.insert("maildir".into(), taken);
        let error = world.catalog.set_chain("acme", &wanted, &by_tenant).unwrap_err();
        assert!(matches!(&error, ChangeError::HostOnly(keys) if keys == &["stage.maildir.path"]), "{error}");
    }
}

/// Goal: what was found when a chain was checked is what is built: a component that comes meanwhile is not looked at, and one
/// whose bytes change is refused.
#[test]
fn what_was_found_is_what_is_built() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let parsed = tenant_file::read(
        "",
        "domains = [\"a.example\"]\nchain = \"strip | maildir\"\n",
        &Limits::default(),
        &Limits::default(),
    );
    let stale = Component {
        owner: "acme".into(),
        name: "strip".into(),
        version: "1.0.0".into(),
        hash: blake3::hash(b"wasm 0").to_hex().to_string(),
    };
    let meant = Components::from([("strip".to_owned(), stale)]);
    let resolved = world.catalog.with_resolver(|cx| {
        Resolver { meant: Some(&meant), ..cx }.resolve("acme", &parsed.unwrap(), true).map(|_| ())
    });
    assert!(resolved.unwrap_err()[0].text.contains("changed while it was checked"));
}

/// Goal: tables without a stage cost nothing, however many and long they are.
#[test]
fn labels_without_a_stage() {
    let world = world();
    let mut wanted = change("maildir");
    for n in 0..5000 {
        wanted.stage.insert(format!("{n}{}", "x".repeat(100)), Some(StageSettings::new()));
    }
    let Err(ChangeError::Refused(problems)) = world.catalog.set_chain("acme", &wanted, &ask(None)) else {
        panic!("the chain has no such stages")
    };
    assert!(problems.len() <= 16, "{}", problems.len());
}
