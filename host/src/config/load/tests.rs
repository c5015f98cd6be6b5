//! Tests of `config::load`.

use std::fs;

use super::*;
use crate::config::{TlsMode, dump};
use crate::telemetry::Settings;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The problems of these files, with the folder cut off their names.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let prefix = format!("{}/", folder.path().display());
    let problems = load(&folder.path().join("gatepost.toml")).err().unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

const SMALL: &str =
    "[server]\nstate_dir = \"state\"\n[[listener]]\nname = \"mx\"\naddress = \"127.0.0.1:2525\"\n";

#[test]
fn the_smallest_config_gets_every_default() {
    let folder = folder(&[("gatepost.toml", SMALL)]);
    let config = load(&folder.path().join("gatepost.toml")).unwrap();
    assert_eq!(config.server.state_dir, folder.path().join("state"));
    assert!(!config.server.hostname.is_empty());
    assert_eq!(config.server.chunk_size, ByteSize(16 << 10));
    let mx = &config.listeners[0];
    assert_eq!((mx.message_size_max.0, mx.header_size_max.0, mx.received_max), (25 << 20, 256 << 10, 100));
    assert!(mx.reject_bare_newlines && mx.tls.is_none());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.limits_max.memory_per_instance, ByteSize(64 << 20));
    assert_eq!(config.limits_max.concurrent_messages, 256);
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:8025");
    assert_eq!(config.telemetry, Settings { level: Level::Info, json: true, file: None });
}

/// Every key of the documentation, most with other values than the default.
const WHOLE: &str = r#"
[server]
hostname = "mx.example.net"
state_dir = "/var/lib/gatepost"
chunk_size = "8KiB"
drain_timeout = "10s"
postmaster = "acme"

[[listener]]
name = "mx"
address = "0.0.0.0:25"
protocol = "lmtp"
tls = { cert = "mx.pem", key = "mx.key", mode = "starttls", more = [{ cert = "mx.pem", key = "mx.key" }], client_ca = "mx.pem", client_auth = "optional" }
handshake_timeout = "10s"
proxy_protocol = true
trusted = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]
xclient = ["127.0.0.0/8"]
auth = "offered"
submission = "outbound"
dsn = true
binarymime = true
message_size_max = "10MiB"
header_size_max = "128KiB"
text_line_max = "998B"
bare_newlines = "keep"
received_max = 50
sessions_max = 2000
sessions_per_client = 5
sessions_per_network = 9
session_rate = "60/1m"
message_rate = "100/1m"
recipient_rate = "1000/1h"
auth_failure_rate = "none"
recipients_max = 200
session_messages_max = 10
session_recipients_max = 500
errors_max = 3
unknown_recipients_max = 7
unknown_recipients_delay = "2s"
auth_tries_max = 2
greeting_delay = "1s"
command_timeout = "1m"
data_timeout = "2m"
data_rate_min = "1KiB"
data_grace = "10s"
session_timeout = "30m"

[limits]
memory_per_instance = "16MiB"
cpu_per_message = "50ms"
cpu_per_mib = "25ms"
wall_per_message = "6s"
output_ratio_max = 2
log_per_message = "4KiB"
component_size_max = "2MiB"
concurrent_messages = 6
queue_wait_max = "3s"
stages_max = 10
compile_cpu = "5s"
compile_memory = "512MiB"

[limits.max]
memory_per_instance = "64MiB"
concurrent_messages = 12
cpu_per_message = "1s"

[admin]
address = "127.0.0.1:8026"
hosts = ["admin.example"]

[telemetry]
log = "debug"
format = "text"
file = "gatepost.log"
"#;

#[test]
fn every_key_is_taken_and_dumped() {
    let files = [("gatepost.toml", WHOLE), ("mx.pem", ""), ("mx.key", "")];
    let folder = folder(&files);
    let path = folder.path().join("gatepost.toml");
    let config = load(&path).unwrap();
    let tls = config.listeners[0].tls.as_ref().unwrap();
    assert_eq!((&tls.main.cert, tls.mode), (&folder.path().join("mx.pem"), TlsMode::Starttls));
    assert!(!config.listeners[0].reject_bare_newlines);
    assert_eq!(config.limits.stages_max, 10);
    assert_eq!(config.limits_max.cpu_per_message, Duration::from_secs(1));
    assert_eq!(config.limits_max.stages_max, 10);
    assert_eq!(config.telemetry.level, Level::Debug);
    assert_eq!(config.telemetry.file, Some(folder.path().join("gatepost.log")));

    fs::write(&path, dump(&config)).unwrap();
    assert_eq!(format!("{:?}", load(&path).unwrap()), format!("{config:?}"));
    for line in WHOLE.lines().filter_map(|line| line.split_once(" = ")) {
        assert!(dump(&config).contains(&format!("{} = ", line.0)) || line.0 == "tls", "{line:?}");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_file_line_and_key() {
    let main = r#"[server]
state_dir = 5
chunk_size = "512B"
hostname = "no spaces"

[[listener]]
name = "mx"
adress = "0.0.0.0:25"
message_size_max = 25
data_timeout = "3"
recipients_max = -1
tls = { cert = "none.pem", mode = "ssl" }

[limits]
memory_per_instance = "128MiB"

[limits.max]
memory_per_instance = "64MiB"
colour = "blue"

[admin]
token = "hunter2"
hosts = ["a", 1]
"#;
    let more = "[telemetry]\nlog = \"loud\"\n[[listener]]\nname = \"mx\"\nerrors_max = 0\n";
    let found = problems(&[("gatepost.toml", main), ("conf.d/10-more.toml", more), ("conf.d/README", "= =")]);
    let expect = [
        "conf.d/10-more.toml:2: telemetry.log: \"loud\" is none of \"error\", \"warn\", \"info\", \"debug\"",
        "conf.d/10-more.toml:5: listener.mx.errors_max: 0 is out of range: 1 to 1000",
        "gatepost.toml:2: server.state_dir: expected a string, found a whole number",
        "gatepost.toml:3: server.chunk_size: 512B is out of range: 1KiB to 1MiB",
        "gatepost.toml:4: server.hostname: \"no spaces\" is not a host name",
        "gatepost.toml:6: listener.mx.address: missing",
        "gatepost.toml:8: listener.mx.adress: unknown key; did you mean `address`?",
        "gatepost.toml:9: listener.mx.message_size_max: 25 has no unit: say a unit, for example \"25MiB\"",
        "gatepost.toml:10: listener.mx.data_timeout: \"3\" is a duration without its unit: say a unit, for example \"30s\" (ms, s, m, h, d)",
        "gatepost.toml:11: listener.mx.recipients_max: -1 is below 1",
        "gatepost.toml:12: listener.mx.tls.cert: cannot read none.pem: No such file or directory (os error 2)",
        "gatepost.toml:12: listener.mx.tls.key: missing",
        "gatepost.toml:12: listener.mx.tls.mode: \"ssl\" is none of \"starttls\", \"implicit\"",
        "gatepost.toml:18: limits.max.memory_per_instance: 64MiB is below what [limits] gives every tenant",
        "gatepost.toml:19: limits.max.colour: unknown key",
        "gatepost.toml:22: admin.token: a secret does not stand in the config: write \"env:NAME\" or \"file:PATH\"",
        "gatepost.toml:23: admin.hosts: expected an array of strings, found a whole number",
    ];
    assert_eq!(found, expect, "\n{}", found.join("\n"));
}

#[test]
fn twins_are_refused() {
    let more = "[[listener]]\nname = \"a\"\naddress = \"127.0.0.1:2525\"\n\
                [[listener]]\nname = \"a\"\naddress = \"127.0.0.1:8025\"\n\
                [[listener]]\nname = \"b\"\naddress = \"127.0.0.1:0\"\n\
                [[listener]]\nname = \"c\"\naddress = \"127.0.0.1:0\"\n";
    let expect = [
        "conf.d/a.toml:3: listener.a.address: 127.0.0.1:2525 is taken by listener `mx`",
        "conf.d/a.toml:5: listener.a.name: another listener has this name",
        "conf.d/a.toml:6: listener.a.address: 127.0.0.1:8025 is taken by [admin]",
    ];
    assert_eq!(problems(&[("gatepost.toml", SMALL), ("conf.d/a.toml", more)]), expect);
}

/// Goal: a wildcard and an address of one port and one kind, in whichever order, are told of before the kernel does.
#[test]
fn a_wildcard_takes_the_port_of_every_address() {
    let listener =
        |name: &str, address: &str| format!("[[listener]]\nname = \"{name}\"\naddress = \"{address}\"\n");
    let found =
        |address: &str| problems(&[("gatepost.toml", SMALL), ("conf.d/a.toml", &listener("a", address))]);
    assert_eq!(
        found("0.0.0.0:2525"),
        [
            "conf.d/a.toml:3: listener.a.address: 0.0.0.0:2525 is taken by listener `mx`, at 127.0.0.1:2525: a wildcard has the \
          port of every address of its kind"
        ]
    );
    assert!(found("0.0.0.0:8025")[0].contains("0.0.0.0:8025 is taken by [admin], at 127.0.0.1:8025"));
    for free in ["0.0.0.0:2526", "[::]:2525", "127.0.0.2:2525", "0.0.0.0:0"] {
        assert_eq!(found(free), [""; 0], "{free}");
    }
    let wild =
        listener("v6", "[::]:25") + &listener("local", "[::1]:25") + &listener("other", "127.0.0.1:25");
    let found = problems(&[("gatepost.toml", SMALL), ("conf.d/a.toml", &wild)]);
    assert!(
        found.len() == 1 && found[0].contains("listener.local.address: [::1]:25 is taken by"),
        "{found:?}"
    );
}

#[test]
fn conf_d_is_laid_on_in_name_order() {
    let first = "[server]\nhostname = \"first.example\"\ndrain_timeout = \"1s\"\n";
    let second = "[server]\nhostname = \"second.example\"\n[[listener]]\nname = \"mx\"\nerrors_max = 2\n";
    let folder = folder(&[("gatepost.toml", SMALL), ("conf.d/20.toml", second), ("conf.d/10.toml", first)]);
    let config = load(&folder.path().join("gatepost.toml")).unwrap();
    assert_eq!(config.server.hostname, "second.example");
    assert_eq!(config.server.drain_timeout, Duration::from_secs(1));
    let mx = &config.listeners[..];
    assert_eq!((mx.len(), mx[0].address.port(), mx[0].errors_max), (1, 2525, 2));
}

#[test]
fn keys_of_a_listener_that_need_another_say_so() {
    for (lines, expect) in [
        ("proxy_protocol = true", "`trusted`"),
        ("trusted = [\"10.0.0.0/8\"]", "`proxy_protocol = true`"),
        ("auth = \"offered\"", "`tls`"),
        ("submission = \"outbound\"", "set `auth`"),
        ("xclient = [\"10.0.0.0/33\"]", "is no network"),
        ("session_rate = \"0/1m\"", "is no rate"),
    ] {
        let found = problems(&[("gatepost.toml", &format!("{SMALL}{lines}\n"))]);
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].contains(expect), "{lines}: {found:?}");
    }
    let tls = "tls = { cert = \"gatepost.toml\", key = \"gatepost.toml\", mode = \"implicit\", client_auth = \"required\" }";
    let found = problems(&[("gatepost.toml", &format!("{SMALL}{tls}\n"))]);
    assert!(found[0].contains("goes with `client_ca`"), "{found:?}");
}

#[test]
fn secrets_come_from_files_and_the_environment() {
    let with = |token: &str| format!("{SMALL}[admin]\ntoken = \"{token}\"\n");
    let good = folder(&[("gatepost.toml", &with("file:t")), ("t", " s3cret \n")]);
    let config = load(&good.path().join("gatepost.toml")).unwrap();
    assert_eq!(config.admin.tokens, ["s3cret"]);
    let dumped = dump(&config);
    assert!(dumped.contains("token = \"***\"") && !dumped.contains("s3cret"));
    assert_eq!(problems(&[("gatepost.toml", &with("env:CARGO_MANIFEST_DIR"))]), [""; 0]);
    let none = problems(&[("gatepost.toml", &with("env:GATEPOST_NO_SUCH_VARIABLE"))]);
    assert!(none[0].contains("environment variable GATEPOST_NO_SUCH_VARIABLE"), "{none:?}");
    let empty = problems(&[("gatepost.toml", &with("file:t")), ("t", "\n")]);
    assert!(empty[0].ends_with("admin.token: t is empty"), "{empty:?}");
    let several = folder(&[("gatepost.toml", &with("file:t")), ("t", "new\n\n old \n")]);
    let config = load(&several.path().join("gatepost.toml")).unwrap();
    assert_eq!(config.admin.tokens, ["new", "old"], "the first is the one that commands send");
    assert_eq!(problems(&[("gatepost.toml", &with("file:t")), ("t", &"x\n".repeat(TOKENS_MAX))]), [""; 0]);
    let many = problems(&[("gatepost.toml", &with("file:t")), ("t", &"x\n".repeat(TOKENS_MAX + 1))]);
    assert!(many[0].ends_with("9 tokens, a line each: at most 8 hold at once"), "{many:?}");
    let literal = problems(&[("gatepost.toml", &with("hunter2"))]);
    assert!(!literal[0].contains("hunter2"), "{literal:?}");
}

#[test]
fn a_file_that_is_missing_broken_or_empty() {
    assert!(problems(&[])[0].starts_with("gatepost.toml: cannot be read: No such file"));
    let empty = problems(&[("gatepost.toml", "")]);
    assert_eq!(
        empty,
        [
            "gatepost.toml:1: listener: missing: there must be one [[listener]] at least",
            "gatepost.toml:1: server.state_dir: missing",
        ]
    );
    let broken = problems(&[("gatepost.toml", &format!("{SMALL}errors_max = = 1\nwhat = 1\n"))]);
    assert!(broken[0].starts_with("gatepost.toml:6: not TOML: "), "{broken:?}");
    assert!(broken.iter().any(|text| text.starts_with("gatepost.toml:7: listener.mx.what: ")), "{broken:?}");
}
