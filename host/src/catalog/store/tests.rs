//! Tests of `catalog::store`.

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("catalog"));
    store.make_folders().unwrap();
    (folder, store)
}

#[test]
fn a_text_is_recorded_once_and_the_last_twenty_are_kept() {
    let (_folder, store) = store();
    assert_eq!(store.record("acme", "one").unwrap(), 1);
    assert_eq!(store.record("acme", "one").unwrap(), 1);
    assert_eq!(store.record("acme", "two").unwrap(), 2);
    assert_eq!(store.record("acme", "one").unwrap(), 3);
    for n in 4..=20 {
        store.record("acme", &n.to_string()).unwrap();
    }
    assert_eq!(store.revisions("acme").unwrap(), (1..=20).collect::<Vec<_>>());
    store.record("acme", "21").unwrap();
    assert_eq!(store.revisions("acme").unwrap(), (2..=21).collect::<Vec<_>>());
    assert_eq!(store.newest_revision("acme").unwrap(), Some((21, "21".to_owned())));
    assert!(store.root.join("history/acme/0021.toml").is_file());
    assert_eq!(store.revisions("other").unwrap(), [0; 0]);
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
        assert!(store.record(bad, "").is_err(), "{bad}");
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
