//! Changes of a tenant's file: what is asked for comes in, all else stays as it was written.

use super::*;

const FILE: &str = r#"# Acme, since 2019
domains = ["acme.example"] # ours
chain = "header | Tag | maildir" # as agreed
on_failure = "bypass"

# marks what comes from outside
[stage.tag]
# in brackets
config = { tag = "[EXT]" } # short
grants = ["kv"]

[stage.maildir]
path = "/var/mail/acme"

[limits]
concurrent_messages = 16

[host] # by hand only
grants_allowed = ["kv"]
"#;

fn change(json: &str) -> ChainChange {
    serde_json::from_str(json).unwrap()
}

fn apply(json: &str) -> String {
    let done = change(json).apply(FILE);
    done.unwrap_or_else(|Unwritable(key, text)| panic!("{key}: {text}"))
}

/// Goal: what is shown can be put back, and changes nothing: not a byte of the file.
#[test]
fn what_is_shown_put_back_changes_nothing() {
    let shown = ChainSettings::of(FILE);
    assert_eq!(shown.on_failure.as_deref(), Some("bypass"));
    assert_eq!(shown.recipients, None);
    assert_eq!(shown.stage["maildir"]["path"], "/var/mail/acme");
    let mut shown = serde_json::to_value(shown).unwrap();
    shown["recipients"] = Value::Null;
    assert_eq!(apply(&shown.to_string()), FILE);
    assert_eq!(apply(r#"{"chain": "header|tag|maildir"}"#), FILE, "the same chain, written otherwise");
}

#[test]
fn only_what_changes_is_written_anew() {
    let text = apply(
        r#"{"chain": "tag | compress | file", "on_failure": "defer", "recipients": "greylist",
            "stage": {"tag": {"config": {"tag": "[EXT]"}, "cpu_per_message": "5ms"}, "file": {"path": "/x\n\"y"}}}"#,
    );
    let expected = FILE
        .replace("\"header | Tag | maildir\" # as", "\"tag | compress | file\" # as")
        .replace("\"bypass\"\n", "\"defer\"\nrecipients = \"greylist\"\n")
        .replace("grants = [\"kv\"]\n", "cpu_per_message = \"5ms\"\n")
        .replace("\n[stage.maildir]\npath = \"/var/mail/acme\"\n", "");
    let (head, file) = text.split_once("\n[stage.file]\n").unwrap();
    assert!(file.starts_with("path = "), "{text}");
    let rest = file.split_once("\n[limits]").map(|(_, rest)| format!("\n[limits]{rest}")).unwrap_or_default();
    assert_eq!(
        head.to_owned() + &rest,
        expected.trim_end_matches('\n').to_owned() + if rest.is_empty() { "" } else { "\n" },
        "{text}"
    );
    let read = ChainSettings::of(&text);
    assert_eq!(read.stage["file"]["path"], "/x\n\"y");
    assert_eq!(read.recipients.as_deref(), Some("greylist"));
}

/// Goal: a table goes with its stage, or where it is asked to; a checker's stays.
#[test]
fn tables_go_with_their_stages() {
    let gone = ChainSettings::of(&apply(r#"{"chain": "header | null"}"#));
    assert!(gone.stage.is_empty(), "{gone:?}");
    let asked = ChainSettings::of(&apply(r#"{"chain": "null", "recipients": "tag"}"#));
    assert_eq!(asked.stage.keys().collect::<Vec<_>>(), ["tag"]);
    let taken = ChainSettings::of(&apply(r#"{"chain": "tag | maildir", "stage": {"maildir": null}}"#));
    assert_eq!(taken.stage.keys().collect::<Vec<_>>(), ["tag"]);
    assert_eq!(ChainSettings::of(&apply(r#"{"chain": "null", "on_failure": null}"#)).on_failure, None);
    let astray = ChainSettings::of(&apply(r#"{"chain": "null", "stage": {"nowhere": {}}}"#));
    assert_eq!(astray.stage.keys().collect::<Vec<_>>(), ["nowhere"], "for the resolver to refuse");
}

#[test]
fn what_toml_cannot_hold_is_named() {
    let refused = |json: &str| match change(json).apply(FILE) {
        Err(Unwritable(key, text)) => format!("{key}: {text}"),
        Ok(text) => panic!("{text}"),
    };
    assert!(refused(r#"{"chain": "a | | b"}"#).starts_with("chain: at character 5"));
    let null = refused(r#"{"chain": "a", "stage": {"x/a": {"config": {"k": [null]}}}}"#);
    assert!(null.starts_with("stage.\"x/a\".config: null"), "{null}");
    assert!(refused(r#"{"chain": "a", "stage": {"a": {"n": 18446744073709551615}}}"#).contains("too large"));
}

#[test]
fn unknown_keys_are_refused() {
    for json in [r#"{"chain": "a", "domains": []}"#, r#"{"stage": {}}"#, r#"{"chain": 7}"#, "[]"] {
        assert!(serde_json::from_str::<ChainChange>(json).is_err(), "{json}");
    }
}

/// Goal: forms of TOML that people write and we do not.
#[test]
fn inline_and_dotted_tables_are_changed_in_place() {
    for file in [
        "domains = [\"a.example\"]\nchain = \"a | null\"\nstage = { a = { config = { x = 1 } } }\n",
        "domains = [\"a.example\"]\nchain = \"a | null\"\nstage.a.config.x = 1\n",
        "domains = [\"a.example\"]\nchain = \"a | null\"\n[stage]\na.config = { x = 1 }\n",
        "domains = [\"a.example\"]\nchain = \"a | null\"\n[stage.a.config]\nx = 1\n",
    ] {
        let json = r#"{"chain": "a | null", "stage": {"a": {"config": {"x": 2}, "grants": ["kv"]}}}"#;
        let text = change(json).apply(file).unwrap_or_else(|Unwritable(key, text)| panic!("{key}: {text}"));
        let read = ChainSettings::of(&text);
        assert_eq!(
            read.stage["a"],
            serde_json::from_str(r#"{"config": {"x": 2}, "grants": ["kv"]}"#).unwrap()
        );
        assert!(text.starts_with("domains = [\"a.example\"]\n"), "{text}");
    }
}
