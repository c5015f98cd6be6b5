//! Tests of `catalog::store`.

use super::*;
use crate::catalog::revision::About;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("catalog"));
    store.make_folders().unwrap();
    (folder, store)
}

fn about() -> About {
    About {
        at: "2026-01-01T00:00:00Z".to_owned(),
        author: "host".to_owned(),
        action: crate::catalog::Action::Set,
        of: None,
        components: crate::catalog::Components::new(),
        smoke: crate::catalog::Smoke::default(),
        fingerprint: String::new(),
    }
}

/// Records a revision that goes live.
fn record(store: &Store, text: &str) -> u64 {
    let number = store.append("acme", text, &about()).unwrap();
    store.confirm("acme", number).unwrap();
    number
}

#[test]
fn the_last_twenty_are_kept() {
    let (_folder, store) = store();
    for n in 1..=20 {
        assert_eq!(record(&store, &n.to_string()), n);
    }
    assert_eq!(store.revisions("acme").unwrap(), (1..=20).collect::<Vec<_>>());
    record(&store, "21");
    assert_eq!(store.revisions("acme").unwrap(), (2..=21).collect::<Vec<_>>());
    let newest = store.newest_revision("acme").unwrap().unwrap();
    assert_eq!((newest.number, newest.text.as_str(), newest.pending), (21, "21", false));
    assert_eq!(newest.about, Some(about()));
    assert_eq!(fs::read_dir(store.root.join("history/acme")).unwrap().count(), 40);
    assert_eq!(store.revisions("other").unwrap(), [0; 0]);
}

/// Goal: which revision a live file is, is told also where a host died between history and live file.
#[test]
fn the_revision_of_a_text() {
    let (_folder, store) = store();
    let of = |text: &str| store.revision_of("acme", text).unwrap().map(|stored| stored.number);
    assert_eq!(of("one"), None);
    record(&store, "one");
    record(&store, "two");
    assert_eq!((of("two"), of("one"), of("three")), (Some(2), None, None), "the first is put back by hand");
    store.append("acme", "three", &about()).unwrap();
    assert_eq!((of("two"), of("three"), of("one")), (Some(2), Some(3), None), "the third was on its way");
    store.forget("acme", 3).unwrap();
    assert_eq!(of("two"), Some(2));
}

#[test]
fn what_was_left_half_written_is_no_tenant() {
    let (_folder, store) = store();
    fs::write(store.tenant_path("acme"), "x").unwrap();
    fs::write(store.root.join("tenants/.acme.toml.new"), "half").unwrap();
    fs::write(store.root.join("tenants/notes.txt"), "").unwrap();
    assert_eq!(store.tenants().unwrap(), ["acme"]);
    assert_eq!(store.read_tenant("acme").unwrap(), "x");
    fs::remove_file(store.tenant_path("acme")).unwrap();
    assert_eq!(store.tenants().unwrap(), [""; 0]);
}

#[test]
fn no_name_leaves_the_catalog() {
    let (_folder, store) = store();
    for bad in ["../x", "..", "a/b", "", ".x", "A"] {
        assert!(store.append(bad, "", &about()).is_err(), "{bad}");
    }
}

#[test]
fn the_newest_version_that_the_pin_allows() {
    let (_folder, store) = store();
    for version in ["1.2.3", "1.10.0", "2.0.0", "3.0.0-rc1", "not-a-version"] {
        let folder = store.root.join("processors/acme/p");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{version}.wasm")), "").unwrap();
    }
    let find = |pin: &str| {
        let pin = (!pin.is_empty()).then(|| pin.parse::<Pin>().unwrap());
        store.find("acme", "p", pin.as_ref()).unwrap().map(|found| found.version.to_string())
    };
    let cases = [("", "2.0.0"), ("1", "1.10.0"), ("1.2", "1.2.3"), ("2.0.0", "2.0.0"), ("3", "3.0.0-rc1")];
    for (pin, expect) in cases {
        assert_eq!(find(pin).as_deref(), Some(expect), "{pin}");
    }
    assert_eq!((find("4"), find("1.3")), (None, None));
    assert_eq!(store.find("other", "p", None).unwrap(), None);
}
