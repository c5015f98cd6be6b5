//! What a host config that has changed makes anew, and what it leaves as it is.

use super::*;

#[test]
fn a_host_config_that_changes_rebuilds_under_the_same_revision() {
    let world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    world.reload();
    let toml = world.folder.path().join("gatepost.toml");
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, format!("{text}[limits]\nconcurrent_messages = 3\n")).unwrap();
    world.catalog.set_config(Arc::new(crate::config::load(&toml).unwrap()));
    assert_eq!(world.reload(), ["changed acme#1"]);
    assert_eq!(world.catalog.current().tenants["acme"].limits.concurrent_messages, 3);
}

/// Goal: a listener that comes or goes makes no chain anew, unless more comes in by it than by any other.
#[test]
fn listeners_rebuild_only_what_they_change() {
    let world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    world.reload();
    let before = world.catalog.current().tenants["acme"].clone();
    let more = |keys: &str| format!("[[listener]]\nname = \"more\"\naddress = \"127.0.0.1:0\"\n{keys}");
    for same in [
        "",
        "message_size_max = \"1MiB\"\nrecipients_max = 7\n",
        "errors_max = 2\nheader_size_max = \"1MiB\"\n",
    ] {
        assert_eq!(world.reconfigure(&more(same)), ["unchanged acme"], "{same}");
    }
    assert_eq!(world.reconfigure(""), ["unchanged acme"]);
    assert!(Arc::ptr_eq(&before, &world.catalog.current().tenants["acme"]));
    for other in ["message_size_max = \"26MiB\"\n", "recipients_max = 101\n"] {
        assert_eq!(world.reconfigure(&more(other)), ["changed acme#1"], "{other}");
    }
}
