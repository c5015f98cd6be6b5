//! Files that are no processor, or one that does not fit: refused when loaded, by name, in bounded time.

use std::time::{Duration, Instant};

use gatepost::wasm::admission::Refusal;
use gatepost::wasm::{LoadError, LoadLimits};
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::Lab;

/// Far more than any refusal takes, far less than "it hangs".
const PATIENCE: Duration = Duration::from_secs(20);

/// Loads it, which must fail, and gives the text.
#[track_caller]
fn refused(lab: &Lab, bytes: &[u8]) -> String {
    let began = Instant::now();
    let error = lab.load(bytes).expect_err("it is refused");
    assert!(began.elapsed() < PATIENCE, "{error} after {:?}", began.elapsed());
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    text
}

#[test]
fn what_is_no_component_at_all() {
    let lab = Lab::new();
    let core = Guest::new().module();
    let check =
        |bytes: &[u8], expect: &str| assert_eq!(refused(&lab, bytes), format!("not a component: {expect}"));
    let other = "it does not begin like a WebAssembly component";
    check(b"", other);
    check(b"\0asm", other);
    check(b"\0asm\x0d\0\x01", other);
    check(b"(component)", other);
    check(b"From: a@b\r\n\r\n", other);
    check(&core, "this is a core module; `gatepost processor build` makes a component of it");
    check(&core[..8], "this is a core module; `gatepost processor build` makes a component of it");
    // A precompiled component of wasmtime is an ELF file.
    check(b"\x7fELF\x02\x01\x01\xc8", "this is precompiled or native code, which is never loaded");
}

/// Goal: a file cut short anywhere is refused, never half loaded.
#[test]
fn truncated_files() {
    let lab = Lab::new();
    let whole = Guest::new().component();
    assert!(lab.load(&whole).is_ok());
    for len in (8..whole.len()).step_by(7).chain([whole.len() - 1]) {
        refused(&lab, &whole[..len]);
    }
}

/// Goal: a flipped byte is refused or changes nothing that matters; the loader never panics.
#[test]
fn damaged_files() {
    let lab = Lab::new();
    let whole = Guest::new().component();
    let mut refusals = 0;
    for at in (0..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        refusals += u32::from(lab.load(&damaged).is_err());
    }
    assert!(refusals > 10, "{refusals}");
}

#[test]
fn missing_exports_are_named() {
    let lab = Lab::new();
    let none = wat::parse_str("(component)").unwrap();
    assert_eq!(refused(&lab, &none), "lacks the export `gatepost:processor/processor@0.1.0`");
    let function = Guest::new()
        .wit("close: func() -> result<verdict, refusal>;", "")
        .wit("open: func() -> result<_, refusal>;", "")
        .wat("(export \"gatepost:processor/processor@0.1.0#close\")", "")
        .wat("(export \"gatepost:processor/processor@0.1.0#open\")", "");
    assert_eq!(
        refused(&lab, &function.component()),
        "lacks the export `gatepost:processor/processor@0.1.0` function `open`; \
         lacks the export `gatepost:processor/processor@0.1.0` function `close`"
    );
}

#[test]
fn imports_that_do_not_exist_are_named() {
    let lab = Lab::new();
    let import = |interface: &str, function: &str, wit: &str, nested: &str| {
        let guest = Guest::new()
            .wit("import next;", &format!("import next; import {interface};"))
            .wit("package gatepost:processor@0.1.0;", &format!("package gatepost:processor@0.1.0; {nested}"))
            .items("(func (call $foreign))");
        let import = format!("(module (import \"{wit}\" \"{function}\" (func $foreign))");
        refused(&lab, &guest.wat("(module", &import).component())
    };
    let wasi = "package wasi:cli@0.2.0 { interface environment { exit: func(); } }";
    assert_eq!(
        import("wasi:cli/environment@0.2.0", "exit", "wasi:cli/environment@0.2.0", wasi),
        "component imports instance `wasi:cli/environment@0.2.0`, but a matching implementation was not found in the linker: \
         instance export `exit` has the wrong type: function implementation is missing"
    );
    let own = "interface vault { open: func(); }";
    assert_eq!(
        import("vault", "open", "gatepost:processor/vault@0.1.0", own),
        "imports `gatepost:processor/vault@0.1.0`, which is not on offer"
    );
}

/// Goal: a capability that was not granted is refused by name, not linked as a trap; and what to do is said.
#[test]
fn capabilities_that_are_not_granted() {
    let lab = Lab::new();
    let kv = Guest::new()
        .wit("import next;", "import next; import kv;")
        .open("(call $kv_get @\"key\" (i32.const 128)) (global.get $ok)");
    let plan = |grants: &[&str]| lab.stage(&kv.component()).grants(grants).try_plan().err();
    let expect =
        "imports `gatepost:processor/kv@0.1.0`: needs the grant `kv`: `[stage.guest] grants = [\"kv\"]`";
    assert_eq!(plan(&[]).as_deref(), Some(expect));
    assert_eq!(plan(&["clock", "random", "envelope", "redirect"]).as_deref(), Some(expect));
    assert_eq!(plan(&["kv"]), None);
}

#[test]
fn functions_that_an_interface_lacks_are_named() {
    let lab = Lab::new();
    let guest = Guest::new()
        .wit(
            "write: func(bytes: list<u8>) -> bool;",
            "write: func(bytes: list<u8>) -> bool; flush: func() -> bool;",
        )
        .open("(drop (call $next @\"x\")) (drop (call $flush)) (global.get $ok)")
        .wat(
            "(module",
            "(module (import \"gatepost:processor/next@0.1.0\" \"flush\" (func $flush (result i32)))",
        );
    assert_eq!(
        refused(&lab, &guest.component()),
        "imports `gatepost:processor/next@0.1.0` function `flush`, which does not exist"
    );
}

#[test]
fn another_version_is_named() {
    let lab = Lab::new();
    for version in ["0.2.0", "1.0.0"] {
        let guest = Guest::new()
            .wit("processor@0.1.0", &format!("processor@{version}"))
            .wat("@0.1.0", &format!("@{version}"))
            .open("(drop (call $next @\"x\")) (global.get $ok)");
        let text = refused(&lab, &guest.component());
        for expect in [
            format!("imports `gatepost:processor/next@{version}`, which is not on offer"),
            "lacks the export `gatepost:processor/processor@0.1.0`".to_owned(),
        ] {
            assert!(text.contains(&expect), "{text}");
        }
    }
}

/// Goal: what has the right name and the wrong type is refused, and the text says where.
#[test]
fn types_that_do_not_fit() {
    let lab = Lab::new();
    let import = Guest::new()
        .wit("write: func(bytes: list<u8>) -> bool;", "write: func(bytes: list<u16>) -> bool;")
        .open("(drop (call $next @\"x\")) (global.get $ok)");
    let text = refused(&lab, &import.component());
    assert!(text.contains("gatepost:processor/next@0.1.0") && text.contains("write"), "{text}");
    let export = Guest::new().wit("close: func() -> result<verdict, refusal>;", "close: func() -> u32;");
    assert_eq!(
        refused(&lab, &export.component()),
        "the export `gatepost:processor/processor@0.1.0` function `close` has another type"
    );
    let flow = Guest::new().wit("        drain,\n", "        drain, hold,\n");
    assert_eq!(
        refused(&lab, &flow.component()),
        "the export `gatepost:processor/processor@0.1.0` function `write` has another type"
    );
}

/// Goal: more exports than are asked for, and imports that grant nothing, are no matter.
#[test]
fn more_exports_are_taken() {
    let lab = Lab::new();
    let guest = Guest::new()
        .wit("export processor;", "export processor; export init: func();")
        .items("(func (export \"init\"))");
    let loaded = lab.load(&guest.component()).unwrap();
    assert_eq!(loaded.description.name, "fixture");
    assert!(
        loaded.imports.iter().all(|import| import == "gatepost:processor/types@0.1.0"),
        "{:?}",
        loaded.imports
    );
}

/// Goal: a component that misbehaves before it has said what it is is refused in bounded time.
#[test]
fn code_that_runs_at_load() {
    let lab = Lab::new();
    let text = |guest: &Guest| refused(&lab, &guest.component());
    let spent = "`describe` used its 1000 ms of CPU time";
    let forever = "(loop (br 0))";
    assert_eq!(text(&Guest::new().items(&format!("(start $begin) (func $begin {forever})"))), spent);
    assert_eq!(text(&Guest::new().describe(&format!("{forever} unreachable"))), spent);
    let trapped = text(&Guest::new().items("(start $begin) (func $begin unreachable)"));
    assert!(trapped.starts_with("`describe` trapped: ") && trapped.contains("unreachable"), "{trapped}");
    let trapped = text(&Guest::new().describe("unreachable"));
    assert!(trapped.starts_with("`describe` trapped: ") && trapped.contains("unreachable"), "{trapped}");
    let deep = "(start $deep) (func $deep (call $deep))";
    assert!(text(&Guest::new().items(deep)).contains("stack"));
    let outside = text(&Guest::new().describe("(i32.const -8)"));
    assert!(outside.starts_with("`describe` trapped: "), "{outside}");
}

/// Goal: what a component says of itself is bounded.
#[test]
fn a_description_of_a_megabyte() {
    let lab = Lab::new();
    let guest = Guest::new()
        .describe("(drop (call $description)) (i32.store (i32.const 68) (i32.const 900000)) (i32.const 64)");
    let text = refused(&lab, &guest.component());
    assert!(text.starts_with("`describe` wrote more than "), "{text}");
}

/// Goal: memories, tables and instances past what a slot of the pool holds are refused, not tried.
#[test]
fn what_does_not_fit_into_the_pool() {
    let lab = Lab::new();
    let text = |guest: &Guest| refused(&lab, &guest.component());
    text(&Guest::new().pages(1025));
    text(&Guest::new().items("(table 100000 funcref)"));
    text(&Guest::new().wat("(memory (export", "(memory $second 1) (memory (export"));
    text(&Guest::new().items("(memory $big i64 1)"));
    let instances: String = (0..100).map(|_| "(core instance (instantiate 0))").collect();
    refused(&lab, &wat::parse_str(format!("(component (core module) {instances})")).unwrap());
}

/// Goal: a component that was refused leaves nothing behind: a good one loads after it, and the same twice is one.
#[test]
fn a_refusal_leaves_nothing_behind() {
    let lab = Lab::new();
    refused(&lab, &Guest::new().describe("unreachable").component());
    let good = Guest::new().component();
    let (first, second) = (lab.load(&good).unwrap(), lab.load(&good).unwrap());
    assert_eq!(first.id, second.id);
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert!(matches!(lab.load(b""), Err(LoadError::Admission(Refusal::NotAComponent(_)))));
}

/// Goal: a limit holds for who has it, whoever else has loaded the same component or was refused it before.
#[test]
fn limits_are_each_tenants_own() {
    let lab = Lab::new();
    let guest = Guest::new().component();
    let mut small = LoadLimits::default();
    small.component.functions = 1;
    let load = |limits: &LoadLimits| lab.sandboxes.load(&guest, limits, "acme").map_err(|e| e.to_string());
    for _ in 0..2 {
        let error = load(&small).unwrap_err();
        assert!(error.ends_with("`component_functions_max` is 1"), "{error}");
        assert!(load(&LoadLimits::default()).is_ok());
    }
}

/// Goal: guests may use the first edition of WebAssembly, what compilers emit without being asked, and SIMD; every other
/// proposal is refused, whatever wasmtime turns on by itself.
/// Method: a component of a few words for each; one that is let in is refused for having no exports.
#[test]
fn proposals_that_are_off() {
    let lab = Lab::new();
    let component = |core: &str| wat::parse_str(format!("(component (core module {core}))")).unwrap();
    for core in [
        "(memory 1)",
        "(global (mut i32) (i32.const 0)) (export \"g\" (global 0))",
        "(func (result v128) (v128.const i64x2 1 2) (v128.const i64x2 1 2) i8x16.swizzle)",
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)))",
        "(func (result i32 i64) (i32.const 1) (i64.const 2))",
        "(table 1 funcref) (table 2 funcref)",
        "(func (param i32) (result i32) (i32.extend8_s (local.get 0)))",
        "(func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0)))",
        "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
    ] {
        assert!(refused(&lab, &component(core)).contains("lacks the export"), "{core}");
    }
    let core = [
        "(memory 1 1 shared)",
        "(memory 1) (func (result i32) (i32.atomic.load (i32.const 0)))",
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(memory 1 (pagesize 1))",
        "(type (struct (field i32)))",
        "(func (param (ref func)))",
        "(table 1 externref)",
        "(func (result i31ref) (ref.i31 (i32.const 1)))",
        "(tag)",
        "(func return_call 0)",
        "(func (param i64 i64 i64 i64) (result i64 i64)
           (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
        "(func (result v128) (v128.const i64x2 1 2) (v128.const i64x2 1 2) i8x16.relaxed_swizzle)",
        "(type $f (func)) (type (cont $f))",
    ];
    let components = [
        "(component (type (stream u8)))",
        "(component (type (future u8)))",
        "(component (import \"f\" (func (param \"e\" error-context))))",
        "(component (type (list u8 4)))",
        "(component (type (map u32 u32)))",
        "(component (import \"v\" (value u32)))",
        "(component (core func (canon thread.available_parallelism)))",
    ];
    let components = components.map(|text| (text, wat::parse_str(text).unwrap()));
    for (text, bytes) in core.map(|core| (core, component(core))).into_iter().chain(components) {
        let why = refused(&lab, &bytes);
        assert!(!why.contains("lacks the export"), "{text}: {why}");
    }
}

/// Goal: no component takes many others' places in the pool: what it may be made of is bounded.
#[test]
fn a_component_is_made_of_so_much() {
    let lab = Lab::new();
    let of = |instances: usize, module: &str| {
        let instances = "(core instance (instantiate $m)) ".repeat(instances);
        refused(&lab, &wat::parse_str(format!("(component (core module $m {module}) {instances})")).unwrap())
    };
    let tables = "(table 1 funcref) (table 1 funcref)";
    for (module, most, what) in [("(memory 1)", 4, "memories"), (tables, 4, "tables"), ("", 32, "instances")]
    {
        // What is within bounds is refused for having no exports.
        assert!(of(most, module).contains("lacks the export"), "{what}");
        let why = of(most + 1, module);
        assert!(why.contains(what) && !why.contains("lacks the export"), "{why}");
    }
}
