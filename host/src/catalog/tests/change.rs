//! A change of one tenant's chain, and what a disk that fails or a host that dies in the middle of it leaves.

use super::*;

fn change(chain: &str) -> ChainChange {
    ChainChange { chain: chain.to_owned(), ..ChainChange::default() }
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
    let view = world.catalog.set_chain(acme, &change("maildir"), Some(1)).unwrap();
    assert_eq!((view.revision, view.chain.as_str()), (2, "maildir"));
    let after = world.catalog.current();
    assert!(Arc::ptr_eq(&before.tenants[bolt], &after.tenants[bolt]), "the same tenant, not a like one");
    assert!(Arc::ptr_eq(&before.tenants[acme].quota, &after.tenants[acme].quota));
    assert_eq!(before.tenants[acme].revision, 1, "messages under way keep theirs");
    assert_eq!(world.owner("a@acme.example"), "acme#2");
    assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt"]);
}

/// Goal: the same chain again takes up a newer component, under the same revision.
#[test]
fn the_same_chain_takes_up_what_is_newest() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm 1");
    let first = world.catalog.set_chain("acme", &change("strip@1 | maildir"), None).unwrap();
    let again = world.catalog.set_chain("acme", &change("strip@1 | maildir"), None).unwrap();
    assert_eq!(first, again);
    world.component("acme", "strip", "1.1.0", "wasm 2");
    let newer = world.catalog.set_chain("acme", &change("strip@1 | maildir"), None).unwrap();
    assert_eq!((first.revision, newer.revision), (2, 2));
    assert_ne!(first.stages[0].processor, newer.stages[0].processor);
}

/// Goal: where the disk does not take the new revision, or the new file, the old chain serves and the files say so.
/// Method: a folder stands where the temporary file would be made.
#[test]
fn a_disk_that_fails_changes_nothing() {
    let mut world = world();
    let root = world.folder.path().join("catalog");
    for blocked in ["history/acme/.0002.toml.new", "tenants/.acme.toml.new"] {
        fs::create_dir(root.join(blocked)).unwrap();
        let error = world.catalog.set_chain("acme", &change("maildir"), None).unwrap_err();
        assert!(matches!(error, ChangeError::Io(_)), "{error}");
        assert_eq!(serving(&world), "acme#1: header | maildir");
        assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
        assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt"]);
        fs::remove_dir(root.join(blocked)).unwrap();
    }
    world.catalog.set_chain("acme", &change("maildir"), None).unwrap();
    assert_eq!(say(&world.restart("")), ["changed acme#2", "changed bolt#1"]);
}

/// Goal: a host that dies between two steps comes back with one chain or the other, and takes changes again.
/// Method: what each step leaves is laid out by hand.
#[test]
fn each_step_leaves_something_whole() {
    let new = "domains = [\"acme.example\"]\nchain = \"maildir\"\n";
    // After the revision: the old chain, which becomes the newest revision once more.
    let mut world = world();
    world.catalog.store().record("acme", new).unwrap();
    world.restart("");
    assert_eq!(serving(&world), "acme#3: header | maildir");
    assert_eq!(world.catalog.set_chain("acme", &change("maildir"), Some(3)).unwrap().revision, 4);
    // Within the live file: the old one stands, what was begun is not looked at.
    let mut world = self::world();
    world.catalog.store().record("acme", new).unwrap();
    let begun = world.catalog.store().tenant_path("acme").with_file_name(".acme.toml.new");
    fs::write(&begun, &new[..20]).unwrap();
    world.restart("");
    assert_eq!(serving(&world), "acme#3: header | maildir");
    world.catalog.set_chain("acme", &change("maildir"), None).unwrap();
    assert!(!begun.exists());
    // After the live file: the new chain.
    let mut world = self::world();
    world.catalog.store().record("acme", new).unwrap();
    world.catalog.store().put_tenant("acme", new).unwrap();
    world.restart("");
    assert_eq!(serving(&world), "acme#2: maildir");
}

#[test]
fn a_host_that_is_over_takes_no_change() {
    let world = world();
    world.catalog.retire();
    assert!(world.catalog.set_chain("acme", &change("maildir"), None).is_err());
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
}

/// Goal: a stage that does not even start with half of its budget goes live with a warning.
#[test]
fn a_config_that_takes_more_than_half_of_the_budget() {
    let world = world();
    world.component("acme", "strip", "1.0.0", "wasm slow");
    let view = world.catalog.set_chain("acme", &change("strip | maildir"), None).unwrap();
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
