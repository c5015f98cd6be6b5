//! Tests of `catalog::tenant_file`.

use super::*;

fn with_max(text: &str) -> Result<TenantFile, Vec<String>> {
    let defaults = Limits::default();
    let max = crate::config::limits::max_default(&defaults);
    read("acme.toml", text, &defaults, &max)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

const WHOLE: &str = r#"
domains = ["Acme.example", "*.acme.example", "[192.0.2.1]"]
recipients = "greylist | acme/list@2"
chain = "header | acme/strip-trackers@1 | compress | decompress | maildir"
after = ""
on_failure = "reject"

[stage.header]
add = { "X-A" = "1" }
[stage."acme/strip-trackers"]
config = { domains = ["t.example"], n = 1, f = 1.5, on = true }
grants = ["kv", "clock"]
on_failure = "bypass"
cpu_per_message = "20ms"
memory_per_instance = "64MiB"

[stage.maildir]
path = "/var/mail/acme"

[limits]
concurrent_messages = 16

[host]
grants_allowed = ["kv", "clock", "random", "envelope"]
wasi = "none"
weight = 1
"#;

#[test]
fn every_key_is_taken() {
    let file = with_max(WHOLE).unwrap();
    assert_eq!(file.domains.iter().map(ToString::to_string).collect::<Vec<_>>()[0], "acme.example");
    assert_eq!(file.chain.len(), 5);
    assert_eq!(file.on_failure, OnFailure::Reject);
    assert_eq!(file.limits.concurrent_messages, 16);
    assert_eq!(file.limits.stages_max, Limits::default().stages_max);
    assert_eq!(file.grants_allowed.len(), 4);
    let checkers: Vec<_> = file.recipients.iter().map(StageRef::label).collect();
    assert_eq!(checkers, ["greylist", "acme/list"]);
    let strip = &file.stages["acme/strip-trackers"];
    let config = serde_json::json!({"domains": ["t.example"], "n": 1, "f": 1.5, "on": true});
    assert_eq!((strip.config.as_ref(), strip.on_failure), (Some(&config), Some(OnFailure::Bypass)));
    assert_eq!(strip.grants, ["kv", "clock"]);
    assert_eq!(strip.cpu_per_message, Some(Duration::from_millis(20)));
    assert_eq!(strip.memory_per_instance, Some(ByteSize(64 << 20)));
    assert_eq!(file.stages["maildir"].settings.get("path"), Some(&"/var/mail/acme".into()));
    assert_eq!(file.stages["header"].cpu_per_message, None);
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = r#"domains = ["acme.example", "a..b"]
recipients = "directory + greylist"
chain = "header | strip | maildir"
on_failure = "ignore"
colour = 1

[stage.heeder]
[stage.strip]
config = 5
grants = ["kv", "root"]
cpu_per_message = "1h"
memory_per_instance = "65MiB"

[limits]
concurrent_messages = 257
memory = "1MiB"

[host]
grants_allowed = ["root"]
wasi = "all"
weight = 1001
"#;
    let expect = [
        "acme.toml:1: domains: \"a..b\" is not a domain: expected `x.example`, `*.x.example`, `x.*`, `[192.0.2.1]` or `[IPv6:2001:db8::1]`",
        "acme.toml:2: recipients: checkers are asked one after the other: join them by `|`, not `+`",
        "acme.toml:4: on_failure: \"ignore\" is none of \"defer\", \"reject\", \"bypass\", \"quarantine\"",
        "acme.toml:5: colour: unknown key",
        "acme.toml:9: stage.strip.config: expected a table",
        "acme.toml:10: stage.strip.grants: \"kv\" is not allowed here: `[host] grants_allowed` does not name it",
        "acme.toml:10: stage.strip.grants: unknown grant \"root\": there are kv, clock, random, envelope, redirect",
        "acme.toml:11: stage.strip.cpu_per_message: is above the host's [limits.max]: 100ms",
        "acme.toml:12: stage.strip.memory_per_instance: is above the host's [limits.max]: 64MiB",
        "acme.toml:15: limits.concurrent_messages: is above the host's [limits.max]: 256",
        "acme.toml:16: limits.memory: unknown key",
        "acme.toml:19: host.grants_allowed: unknown grant \"root\": there are kv, clock, random, envelope, redirect",
        "acme.toml:20: host.wasi: \"all\" is none of \"none\", \"stub\"",
        "acme.toml:21: host.weight: 1001 is out of range: 1 to 1000",
    ];
    let found = with_max(text).unwrap_err();
    assert_eq!(found, expect, "\n{}", found.join("\n"));
    assert_eq!(domains_of_broken(text), ["acme.example".parse().unwrap()]);
}

#[test]
fn domains_and_chain_are_required() {
    let missing = ["acme.toml:1: chain: missing", "acme.toml:1: domains: missing"];
    assert_eq!(with_max("").unwrap_err(), missing);
    let broken = with_max("domains = []\nchain = \"a | | b\"\n").unwrap_err();
    assert_eq!(
        broken,
        ["acme.toml:2: chain: at character 5: expected the name of a processor or sink, found `|`"]
    );
    assert!(with_max("domains = []\nchain = \"null\"\n").is_ok());
}
