//! Components that are small and break a compiler: made, not kept, since the large ones are megabytes.
//!
//! Each family grows with `n`, or with `i` where it doubles. The small ones are processors like any other: what is refused
//! of the large ones is their size, and nothing else. `uploads` sends the large ones.

use std::fmt::Write as _;

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::Lab;

/// Makes a bomb of a size.
type Make = fn(usize) -> Vec<u8>;

/// Families, by what they are called.
pub(crate) const FAMILIES: [(&str, Make); 8] = [
    ("nested loops over locals", nested_loops),
    ("functions", functions),
    ("locals", locals),
    ("br_table", br_table),
    ("deep blocks", deep_blocks),
    ("nested types", nested_types),
    ("doubling types", doubling_types),
    ("doubling instances", doubling_instances),
];

/// Whether a family doubles with each step, and so is called with `i` instead of `n`.
pub(crate) fn doubles(family: &str) -> bool {
    family.starts_with("doubling")
}

/// n nested loops over n locals: registers are dealt out in time that grows with both (n = 400: 28 s from 8.6 KB).
fn nested_loops(n: usize) -> Vec<u8> {
    let mut body = format!("(func (param i32) (local {})\n", "i64 ".repeat(n));
    for at in 1..=n {
        let _ = writeln!(body, "(loop $l{at} (local.set {at} (i64.add (local.get {at}) (i64.const {at})))");
    }
    for at in (1..=n).rev() {
        let _ = writeln!(body, "(br_if $l{at} (i64.eqz (local.get {at}))))");
    }
    with_module(&(body + ")"))
}

/// A thousand functions for each n (a million: 84 s and 5.3 GB).
fn functions(n: usize) -> Vec<u8> {
    with_module(&"(func)".repeat(n * 1000))
}

/// Five hundred locals for each n, all of them live at once.
fn locals(n: usize) -> Vec<u8> {
    let n = n * 500;
    let mut items = format!("(func (param i64) (result i64) (local {})\n", "i64 ".repeat(n));
    for at in 1..=n {
        let _ = writeln!(items, "(local.set {at} (i64.mul (local.get {}) (local.get 0)))", at - 1);
    }
    for at in 1..=n {
        let _ = writeln!(items, "(local.set 0 (i64.xor (local.get 0) (local.get {at})))");
    }
    with_module(&(items + "(local.get 0))"))
}

/// A thousand targets for each n.
fn br_table(n: usize) -> Vec<u8> {
    let targets = "0 1 ".repeat(n * 500);
    with_module(&format!("(func (param i32) (block (block (br_table {targets} 0 (local.get 0)))))"))
}

/// Thirty blocks in each other for each n.
fn deep_blocks(n: usize) -> Vec<u8> {
    let n = n * 30;
    let body =
        format!("(func (param i32) {} (br_if 0 (local.get 0)) {})", "block ".repeat(n), "end ".repeat(n));
    with_module(&body)
}

/// Lists of lists, thirty deep for each n (30,000 killed the process before wasmtime 48).
fn nested_types(n: usize) -> Vec<u8> {
    let mut text = "(component (type $t0 (list u8))\n".to_owned();
    for at in 1..=n * 30 {
        let _ = writeln!(text, "(type $t{at} (list $t{}))", at - 1);
    }
    nested(&(text + ")"))
}

/// Each type is a pair of the one before.
fn doubling_types(i: usize) -> Vec<u8> {
    let mut text = "(component (type $t0 (tuple u8 u8))\n".to_owned();
    for at in 1..=i {
        let _ = writeln!(text, "(type $t{at} (tuple $t{0} $t{0}))", at - 1);
    }
    nested(&(text + ")"))
}

/// Each component holds two instances of the one before (24 levels: over 2 GB from 1.2 KB).
fn doubling_instances(i: usize) -> Vec<u8> {
    let mut text =
        "(component (component $c0 (core module $m) (core instance (instantiate $m)))\n".to_owned();
    for at in 1..=i {
        let below = at - 1;
        let _ = writeln!(
            text,
            "(component $c{at} (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
        );
    }
    let _ = writeln!(text, "(instance (instantiate $c{i})))");
    nested(&text)
}

/// A processor that holds another component and starts it: two more sections at its end.
fn nested(text: &str) -> Vec<u8> {
    let inner = wat::parse_str(text).expect("the bomb parses");
    let mut outer = Guest::new().component();
    let own = sections(&outer).filter(|id| *id == COMPONENT).count();
    push_section(&mut outer, COMPONENT, &inner);
    // One instance: of the component with this index, which is new, with no arguments.
    let mut instance = vec![1, 0];
    push_leb(&mut instance, own);
    instance.push(0);
    push_section(&mut outer, INSTANCE, &instance);
    outer
}

/// A processor that holds another core module, which nothing starts: it is compiled all the same. What encodes components
/// would validate a module of its own, and so refuse what is beyond every engine's limits.
fn with_module(fields: &str) -> Vec<u8> {
    let module = wat::parse_str(format!("(module {fields})")).expect("the bomb parses");
    let mut outer = Guest::new().component();
    push_section(&mut outer, CORE_MODULE, &module);
    outer
}

/// Sections of the binary format of components.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;

/// The ids of a component's sections, at its top level.
fn sections(component: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = component[8..].to_vec();
    std::iter::from_fn(move || {
        let id = *rest.first()?;
        let (mut size, mut at) = (0_usize, 1);
        loop {
            let byte = rest[at];
            size |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest.drain(..at + size);
        Some(id)
    })
}

fn push_section(component: &mut Vec<u8>, id: u8, body: &[u8]) {
    component.push(id);
    push_leb(component, body.len());
    component.extend_from_slice(body);
}

fn push_leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

/// Goal: a bomb is refused for its size alone: a small one of each family is a processor like any other.
#[test]
fn small_bombs_are_harmless() {
    let lab = Lab::new();
    for (family, make) in FAMILIES {
        let loaded = lab.sandboxes.load(&make(if doubles(family) { 3 } else { 2 }));
        assert!(loaded.is_ok(), "{family}: {}", loaded.unwrap_err());
    }
}

/// Goal: the generators make what their names say, at the sizes that the bombs have: valid, and small for what they do.
#[test]
fn bombs_are_small_files() {
    let size = |family: &str, n: usize| {
        let (_, make) = FAMILIES.into_iter().find(|(name, _)| *name == family).unwrap();
        make(n).len()
    };
    assert!(size("nested loops over locals", 100) < 16 << 10);
    assert!(size("doubling instances", 100) < 16 << 10);
    assert!(size("doubling types", 10) < 8 << 10);
    assert!(size("nested types", 100) < 64 << 10);
}
