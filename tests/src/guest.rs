//! Makes components for tests: a few lines of WAT in, a component of the world `mail-processor` out.
//!
//! ```text
//! Guest::new().write("(drop (call $next (local.get $ptr) (local.get $len))) (call $replaced)").component()
//! ```
//!
//! Each of `describe`, `configure`, `open`, `write` and `close` has a body that may be replaced; as they are, they say ok,
//! pass and accept. In WAT, `@"text"` stands for two constants, where the text lies and how long it is. The answers that
//! can be built (`$replaced`, `$refuse`, ...) are in `guest/prelude.wat`, the imports in `IMPORTS`: one that no body
//! names is not imported. Those of WASI are in `guest/wasi.rs`. Knows nothing of the host.

mod wasi;

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface that guests are built against, before a test has changed it.
const WIT: &str = include_str!("../../wit/processor.wit");
const PRELUDE: &str = include_str!("guest/prelude.wat");
/// Where texts begin in memory.
const TEXTS: usize = 1024;
/// Every import, by the name that bodies call it by: the interface, the function, its type.
const IMPORTS: [(&str, &str, &str, &str); 16] = [
    ("$next", "next", "write", "(param i32 i32) (result i32)"),
    ("$emit", "log", "emit", "(param i32 i32 i32)"),
    ("$count", "log", "count", "(param i32 i32 i64)"),
    ("$id", "envelope", "id", "(param i32)"),
    ("$sender", "envelope", "sender", "(param i32)"),
    ("$recipients", "envelope", "recipients", "(param i32)"),
    ("$fact", "envelope", "fact", "(param i32 i32 i32)"),
    ("$set_fact", "envelope", "set-fact", "(param i32 i32 i32 i32) (result i32)"),
    ("$kv_get", "kv", "get", "(param i32 i32 i32)"),
    ("$kv_set", "kv", "set", "(param i32 i32 i32 i32 i32 i64 i32)"),
    ("$kv_add", "kv", "add", "(param i32 i32 i64 i32 i64 i32)"),
    ("$now_ms", "clock", "now-ms", "(result i64)"),
    ("$random", "random", "bytes", "(param i32 i32)"),
    ("$set_sender", "envelope-edit", "set-sender", "(param i32 i32 i32) (result i32)"),
    ("$add_rcpt", "envelope-edit", "add-recipient", "(param i32 i32) (result i32)"),
    ("$remove_rcpt", "envelope-edit", "remove-recipient", "(param i32 i32) (result i32)"),
];

/// A component in the making.
#[derive(Debug, Clone)]
pub struct Guest {
    name: String,
    content: (u8, u8),
    pages: u32,
    bodies: [String; 5],
    items: String,
    data: Vec<(usize, Vec<u8>)>,
    wit: String,
    renames: Vec<(String, String)>,
    wasi: Option<String>,
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Guest {
    /// A guest that passes everything, takes and gives `any`, and has 1 MiB of memory.
    pub fn new() -> Self {
        let ok = || "(global.get $ok)".to_owned();
        Self {
            name: "fixture".into(),
            content: (2, 2),
            pages: 16,
            bodies: ["(call $description)".into(), ok(), ok(), ok(), ok()],
            items: String::new(),
            data: Vec::new(),
            wit: WIT.into(),
            renames: Vec::new(),
            wasi: None,
        }
    }

    /// What it takes and gives: `message`, `bytes` or `any`.
    ///
    /// # Panics
    /// If it is another word.
    #[must_use]
    pub fn content(mut self, takes: &str, gives: &str) -> Self {
        let number = |word| match word {
            "message" => 0,
            "bytes" => 1,
            "any" => 2,
            other => panic!("`{other}` is no content"),
        };
        self.content = (number(takes), number(gives));
        self
    }

    /// The name it gives itself.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its memory at the start, in pages of 64 KiB.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// The body of `describe`; `(call $description)` is what it says otherwise.
    #[must_use]
    pub fn describe(self, body: &str) -> Self {
        self.body(0, body)
    }

    /// The body of `configure`, with `$ptr` and `$len` of the config.
    #[must_use]
    pub fn configure(self, body: &str) -> Self {
        self.body(1, body)
    }

    /// The body of `open`.
    #[must_use]
    pub fn open(self, body: &str) -> Self {
        self.body(2, body)
    }

    /// The body of `write`, with `$ptr` and `$len` of the chunk.
    #[must_use]
    pub fn write(self, body: &str) -> Self {
        self.body(3, body)
    }

    /// The body of `close`.
    #[must_use]
    pub fn close(self, body: &str) -> Self {
        self.body(4, body)
    }

    fn body(mut self, n: usize, body: &str) -> Self {
        body.clone_into(&mut self.bodies[n]);
        self
    }

    /// More of the module: globals, functions, a start function.
    #[must_use]
    pub fn items(mut self, wat: &str) -> Self {
        self.items.push_str(wat);
        self
    }

    /// Bytes in memory from the start.
    #[must_use]
    pub fn data(mut self, at: usize, bytes: &[u8]) -> Self {
        self.data.push((at, bytes.to_vec()));
        self
    }

    /// Replaces words of the interface that it is built against, for guests that do not fit the host.
    ///
    /// # Panics
    /// If the interface does not hold them.
    #[must_use]
    pub fn wit(mut self, from: &str, to: &str) -> Self {
        assert!(self.wit.contains(from), "the interface has no `{from}`");
        self.wit = self.wit.replace(from, to);
        self
    }

    /// Lets bodies call WASI, of this version.
    #[must_use]
    pub fn wasi(mut self, version: &str) -> Self {
        self.wit = wasi::into(&self.wit, version);
        self.wasi = Some(version.into());
        self
    }

    /// Replaces words of the finished module's text.
    #[must_use]
    pub fn wat(mut self, from: &str, to: &str) -> Self {
        self.renames.push((from.into(), to.into()));
        self
    }

    /// The component.
    ///
    /// # Panics
    /// If the WAT does not fit.
    pub fn component(&self) -> Vec<u8> {
        let mut module = self.module();
        let mut resolve = Resolve::default();
        let package = resolve.push_str("processor.wit", &self.wit).expect("the interface parses");
        let world = resolve.select_world(&[package], Some("mail-processor")).expect("the world is there");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata fits");
        let encoder = ComponentEncoder::default().validate(true).module(&module);
        encoder.and_then(|mut encoder| encoder.encode()).unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The core module alone.
    ///
    /// # Panics
    /// If the WAT does not parse.
    pub fn module(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn text(&self) -> String {
        let mut texts = Texts { bytes: Vec::new() };
        let [describe, configure, open, write, close] = &self.bodies;
        let mut code = PRELUDE.replace("{pages}", &self.pages.to_string());
        let _ = write!(
            code,
            r#"
  (func $description (result i32)
    {description}
    (i32.store16 (i32.const 88) (i32.const {content}))
    (i32.const 64))
  (func $configure (param $ptr i32) (param $len i32) (result i32) {configure})
  (func $open (result i32) {open})
  (func $write (param $ptr i32) (param $len i32) (result i32) {write})
  (func $close (result i32) {close})
  (func (export "gatepost:processor/processor@0.1.0#describe") (result i32) {describe})
  (func (export "gatepost:processor/processor@0.1.0#configure") (param i32 i32) (result i32)
    (call $done (call $configure (local.get 0) (local.get 1))))
  (func (export "gatepost:processor/processor@0.1.0#open") (result i32) (call $done (call $open)))
  (func (export "gatepost:processor/processor@0.1.0#write") (param i32 i32) (result i32)
    (call $done (call $write (local.get 0) (local.get 1))))
  (func (export "gatepost:processor/processor@0.1.0#close") (result i32) (call $done (call $close)))
  {items}"#,
            description = self.description(),
            content = u16::from(self.content.0) | u16::from(self.content.1) << 8,
            items = self.items,
        );
        let code = texts.place(&code);
        let mut imports = String::new();
        let mut offer =
            |(name, interface, function, ty): (&str, &str, &str, &str), package: &str, version: &str| {
                if code.contains(&format!("(call {name} ")) || code.contains(&format!("(call {name})")) {
                    let module = format!("{package}{interface}@{version}");
                    let _ = writeln!(imports, r#"  (import "{module}" "{function}" (func {name} {ty}))"#);
                }
            };
        IMPORTS.iter().for_each(|import| offer(*import, "gatepost:processor/", "0.1.0"));
        if let Some(version) = &self.wasi {
            wasi::IMPORTS.iter().for_each(|import| offer(*import, "wasi:", version));
        }
        let mut data = format!("  (data (i32.const {TEXTS}) \"{}\")\n", escaped(&texts.bytes));
        for (at, bytes) in &self.data {
            let _ = writeln!(data, "  (data (i32.const {at}) \"{}\")", escaped(bytes));
        }
        let mut text = format!("(module\n{imports}{code}\n{data})");
        for (from, to) in &self.renames {
            text = text.replace(from, to);
        }
        text
    }

    /// Stores name, version and summary at 64, as pointers and lengths.
    fn description(&self) -> String {
        let store = "(call $two (i32.const";
        let strings = [&*self.name, "1.0.0", "A fixture."].into_iter().zip([64, 72, 80]);
        let mut code: String =
            strings.map(|(text, at)| format!("{store} {at}) @\"{text}\")\n    ")).collect();
        code.truncate(code.trim_end().len());
        code
    }
}

/// Texts that bodies name, laid out one behind the other.
struct Texts {
    bytes: Vec<u8>,
}

impl Texts {
    /// Replaces each `@"text"` by where it lies and how long it is.
    fn place(&mut self, code: &str) -> String {
        let mut placed = String::with_capacity(code.len());
        let mut rest = code;
        while let Some(at) = rest.find("@\"") {
            let (text, behind) = rest[at + 2..].split_once('"').expect("the text ends");
            let _ = write!(
                placed,
                "{}(i32.const {}) (i32.const {})",
                &rest[..at],
                TEXTS + self.bytes.len(),
                text.len()
            );
            self.bytes.extend_from_slice(text.as_bytes());
            rest = behind;
        }
        placed + rest
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
