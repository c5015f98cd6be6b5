//! A hostile file's sections as a guest that sleeps until it is named, and files that are no component.

use super::header::{Header, SECTION};
use crate::guest::Guest;

/// Where a guest's own name lies: above what imports return, below the texts.
const NAME_AT: usize = 768;

/// Tells a guest whether the client of this message named it in EHLO, and keeps the answer.
const SLEEP: &str = r#"
  (data (i32.const {at}) "{name}")
  (global $provoked (mut i32) (i32.const 0))
  (global $writes (mut i32) (i32.const 0))
  (func $is_provoked (result i32) (local $i i32)
    (call $fact @"smtp.helo" (i32.const 144))
    (if (i32.ne (i32.load (i32.const 152)) (i32.const {len})) (then (return (i32.const 0))))
    (loop $more
      (if (i32.ne
            (i32.load8_u (i32.add (i32.load (i32.const 148)) (local.get $i)))
            (i32.load8_u offset={at} (local.get $i)))
        (then (return (i32.const 0))))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {len}))))
    (i32.const 1))
"#;

/// Does nothing for 49 writes, then goes on.
const SINCE_THE_50TH: &str = "(global.set $writes (i32.add (global.get $writes) (i32.const 1)))
    (if (i32.lt_u (global.get $writes) (i32.const 50)) (then (return (global.get $ok))))";

/// Replaces one body of a guest.
type Change = fn(Guest, &str) -> Guest;

/// The guest of a file's sections.
///
/// # Panics
/// Where a section is none of ours.
pub(super) fn guest(name: &str, header: &Header, text: &str) -> Guest {
    let sections = sections(text);
    let section =
        |wanted: &str| sections.iter().find(|(name, _)| name == wanted).map(|(_, body)| body.trim());
    for (found, _) in &sections {
        let known = ["imports", "items", "describe", "configure", "open", "write", "50th", "close"];
        assert!(known.contains(&found.as_str()), "{name}: there is no section `{found}`");
    }
    let mut guest = Guest::new()
        .name(name)
        .wit("import next;", "import next; import kv; import clock; import random; import envelope-edit;");
    if let Some(pages) = header.one("pages") {
        guest = guest.pages(pages.parse().expect("a number of pages"));
    }
    let mut items = section("items").unwrap_or_default().to_owned();
    let mut bodies: Vec<(&str, Change)> =
        vec![("describe", Guest::describe), ("configure", Guest::configure)];
    if header.one("refused-at-load").is_none() {
        guest = asleep(guest, name, section, &mut items);
    } else {
        bodies.extend([("open", Guest::open as Change), ("write", Guest::write), ("close", Guest::close)]);
    }
    for (name, change) in bodies {
        guest = section(name).into_iter().fold(guest, change);
    }
    reworded(guest.items(&items), name, header, section("imports"))
}

/// Has the guest do its hostile bodies only where it was woken.
fn asleep<'a>(
    guest: Guest,
    name: &str,
    section: impl Fn(&str) -> Option<&'a str>,
    items: &mut String,
) -> Guest {
    let (at, len) = (NAME_AT.to_string(), name.len().to_string());
    *items += &SLEEP.replace("{at}", &at).replace("{len}", &len).replace("{name}", name);
    let open = section("open").map(|body| ("$hostile_open", "", body));
    let fiftieth = section("50th").map(|body| format!("{SINCE_THE_50TH} {body}"));
    let write = section("write").or(fiftieth.as_deref());
    let write = write.map(|body| ("$hostile_write", "(param $ptr i32) (param $len i32)", body));
    let close = section("close").map(|body| ("$hostile_close", "", body));
    guest
        .open(&awake("(global.set $provoked (call $is_provoked))", open, items))
        .write(&awake("", write, items))
        .close(&awake("", close, items))
}

/// Changes words of the interface and of the module, as the header says, and adds imports.
fn reworded(mut guest: Guest, name: &str, header: &Header, imports: Option<&str>) -> Guest {
    for (key, change) in [("wit", Guest::wit as fn(Guest, &str, &str) -> Guest), ("wat", Guest::wat)] {
        for line in header.all(key) {
            let (from, to) =
                line.split_once(" => ").unwrap_or_else(|| panic!("{name}: `{line}` has no `=>`"));
            guest = change(guest, from, to);
        }
    }
    match imports {
        Some(imports) => guest.wat("(module\n", &format!("(module\n{imports}\n")),
        None => guest,
    }
}

/// A body that does `first`, and then, where the guest was woken, what is hostile: a function of its own.
fn awake(first: &str, hostile: Option<(&str, &str, &str)>, items: &mut String) -> String {
    let Some((name, parameters, body)) = hostile else { return format!("{first} (global.get $ok)") };
    *items += &format!("\n  (func {name} {parameters} (result i32) {body})");
    let arguments = if parameters.is_empty() { "" } else { "(local.get $ptr) (local.get $len)" };
    format!(
        "{first} (if (result i32) (global.get $provoked)
           (then (call {name} {arguments})) (else (global.get $ok)))"
    )
}

/// The sections of a file, in their order.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(SECTION) {
            sections.push((name.trim().to_owned(), String::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    sections
}

/// Files that are no component.
///
/// # Panics
/// Where there is no such kind.
pub(super) fn bytes_of(kind: &str) -> Vec<u8> {
    let component = Guest::new().component();
    match kind {
        "empty" => Vec::new(),
        "text" => b"From: a@b.example\r\nSubject: no component\r\n\r\n(component)\r\n".to_vec(),
        "core module" => Guest::new().module(),
        "half" => component[..component.len() / 2].to_vec(),
        "all but a byte" => component[..component.len() - 1].to_vec(),
        // Version 1, layer 0, as a core module has them, before what a component holds.
        "core header" => [b"\0asm\x01\0\0\0", &component[8..]].concat(),
        "component header" => [b"\0asm\x0d\0\x01\0", &Guest::new().module()[8..]].concat(),
        "unknown layer" => [b"\0asm\x0d\0\x02\0", &component[8..]].concat(),
        "unknown version" => [b"\0asm\x0e\0\x01\0", &component[8..]].concat(),
        // A program of this machine: whatever runs this.
        "program" => std::fs::read("/proc/self/exe").expect("this program can be read")[..1 << 20].to_vec(),
        "precompiled" => {
            let engine = wasmtime::Engine::default();
            engine.precompile_component(&component).expect("it compiles")
        }
        "zeroes" => vec![0; 1 << 20],
        other => panic!("there are no bytes `{other}`"),
    }
}
