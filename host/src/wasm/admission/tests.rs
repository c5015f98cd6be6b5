//! Each limit at it and one past it, what is not on offer, and files that are made to overflow what counts them.

use super::*;

fn component(wat: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {wat})")).unwrap_or_else(|error| panic!("{error}"))
}

fn text(bytes: &[u8], limits: &Census) -> String {
    admit(bytes, limits).map_or_else(|refusal| refusal.to_string(), |_| "admitted".to_owned())
}

/// Holds a component to a limit that it just keeps, and to one less.
#[track_caller]
fn at_and_past(wat: &str, set: fn(&mut Census, u64), fits: u64, what: &str) {
    let bytes = component(wat);
    let mut limits = Census::default();
    set(&mut limits, fits);
    assert_eq!(text(&bytes, &limits), "admitted");
    set(&mut limits, fits - 1);
    let text = text(&bytes, &limits);
    assert!(text.starts_with(&format!("{what}: {fits}, `")), "{text}");
    assert!(text.ends_with(&format!("` is {}", fits - 1)), "{text}");
}

#[test]
fn size() {
    let bytes = component("");
    let limits = |size| Census { size, ..Census::default() };
    assert_eq!(text(&bytes, &limits(8)), "admitted");
    assert_eq!(text(&bytes, &limits(7)), "size: 8B, `component_size_max` is 7B");
}

#[test]
fn modules_and_components() {
    let set = |limits: &mut Census, max| limits.modules = max;
    at_and_past("(core module) (core module)", set, 2, "modules and components");
    at_and_past("(core module) (component (component (core module)))", set, 4, "modules and components");
}

#[test]
fn instances() {
    let set = |limits: &mut Census, max| limits.instances = max;
    let three = "(core module $m) (core instance (instantiate $m)) (core instance (instantiate $m))
                 (core instance (export \"m\" (instance 0)))";
    at_and_past(&three.replace("(export \"m\" (instance 0))", ""), set, 3, "instances");
    let nested = "(component $c (core module $m) (core instance (instantiate $m)))
                  (instance (instantiate $c)) (instance (instantiate $c))";
    at_and_past(nested, set, 4, "instances");
    // `$d` names `$c` through an alias of what is outside of it, `1` is what an export of `$c` is called.
    let outer = "(component $c (core module $m) (core instance (instantiate $m)))
                 (component $d (instance (instantiate $c)))
                 (export \"c\" (component $c)) (instance (instantiate $d)) (instance (instantiate 2))";
    at_and_past(outer, set, 5, "instances");
}

/// A component that makes two instances of one that makes two ..., so many levels deep; at the bottom, one of a module.
fn doubling(levels: usize) -> Vec<u8> {
    let nested = |sections: &[Vec<u8>]| [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat();
    let mut inner = nested(&[section(1, b"\0asm\x01\0\0\0"), section(2, &[1, 0, 0, 0])]);
    for _ in 0..levels {
        inner = nested(&[section(4, &inner), section(5, &[2, 0, 0, 0, 0, 0, 0])]);
    }
    inner
}

/// Goal: instances are multiplied by arithmetic.
/// Method: 2^24 of them from some hundred bytes, and more than a number can hold from some thousand.
#[test]
fn instances_are_multiplied_out() {
    let limits = Census { instances: u64::MAX - 1, ..Census::default() };
    let census = admit(&doubling(24), &limits).unwrap();
    // The bottom makes one, each level twice one and what is below it.
    let mut expect = 1_u64;
    (0..24).for_each(|_| expect = 2 * (expect + 1));
    assert_eq!(census.instances, expect);
    assert_eq!(text(&doubling(24), &Census::default()), "instances: 1534, `component_instances_max` is 1000");
    let all = Census { modules: u64::MAX, instances: u64::MAX - 1, ..Census::default() };
    let text = text(&doubling(100), &all);
    assert_eq!(text, format!("instances: {}, `component_instances_max` is {}", u64::MAX, u64::MAX - 1));
}

#[test]
fn memories_and_tables_of_modules_and_of_instances() {
    let memories = |limits: &mut Census, max| limits.memories = max;
    at_and_past("(core module (memory 0)) (core module (memory 0) (memory 0))", memories, 3, "memories");
    let twice = "(core instance (instantiate $m)) (core instance (instantiate $m))";
    at_and_past(&format!("(core module $m (memory 0)) {twice}"), memories, 2, "memories");
    let tables = |limits: &mut Census, max| limits.tables = max;
    at_and_past("(core module (table 0 funcref) (table 0 externref))", tables, 2, "tables");
    at_and_past(&format!("(core module $m (table 0 funcref)) {twice}"), tables, 2, "tables");
}

#[test]
fn memory_and_table_elements_at_the_start() {
    let module = "(core module $m (memory 3) (table 40 funcref) (table 2 funcref))";
    let twice = "(core instance (instantiate $m)) (core instance (instantiate $m))";
    let elements = |limits: &mut Census, max| limits.table_elements = max;
    at_and_past(&format!("{module} {twice}"), elements, 84, "table elements at the start");
    let bytes = component(&format!("{module} {twice}"));
    let limits = |memory| Census { memory, ..Census::default() };
    assert_eq!(text(&bytes, &limits(384 << 10)), "admitted");
    let expect = "memory at the start: 384KiB, `memory_per_instance` is 320KiB";
    assert_eq!(text(&bytes, &limits(320 << 10)), expect);
    assert_eq!(text(&component(module), &limits(0)), "admitted", "what nobody instantiates takes nothing");
    let huge = component("(core module $m (memory 65536)) (core instance (instantiate $m))");
    let expect = "memory at the start: 4GiB, `memory_per_instance` is 32MiB";
    assert_eq!(text(&huge, &Census::default()), expect);
}

#[test]
fn functions() {
    let set = |limits: &mut Census, max| limits.functions = max;
    at_and_past("(core module (func) (func)) (core module (func))", set, 3, "functions");
    let resource = "(type $r (resource (rep i32))) (core func (canon resource.new $r)) (core func (canon resource.drop $r))";
    at_and_past(resource, set, 2, "functions");
}

#[test]
fn locals_of_one_function() {
    let set = |limits: &mut Census, max| limits.locals = max;
    let module =
        "(core module (func (param i32) (local i64 i64 f32)) (func (local i32)) (func (param i32 i32 i32)))";
    at_and_past(module, set, 4, "locals of one function");
}

#[test]
fn types() {
    let set = |limits: &mut Census, max| limits.types = max;
    at_and_past("(core module (type (func)) (type (func (param i32))))", set, 2, "types");
    let nested = "(type (list u8)) (type (instance (type (list u8)) (type (instance (type (list u8))))))";
    at_and_past(nested, set, 5, "types");
}

#[test]
fn depth_of_types() {
    let set = |limits: &mut Census, max| limits.type_depth = max;
    at_and_past("(type (instance (type (component (type (list u8))))))", set, 3, "depth of types");
    let by_index =
        "(type $a (list u8)) (type $b (record (field \"a\" $a))) (type $c (func (param \"b\" $b)))";
    at_and_past(by_index, set, 3, "depth of types");
    let outer = "(type $a (list u8)) (type $b (list $a)) (type (instance (type (list $b))))";
    at_and_past(outer, set, 4, "depth of types");
    let named = "(type $a (list u8)) (import \"i\" (type $i (eq $a))) (type (list $i))";
    at_and_past(named, set, 2, "depth of types");
}

#[test]
fn start_functions() {
    let set = |limits: &mut Census, max| limits.starts = max;
    let module = "(core module $m (func) (start 0))";
    at_and_past(module, set, 1, "start functions");
    at_and_past(
        &format!("{module} {}", "(core instance (instantiate $m))".repeat(3)),
        set,
        3,
        "start functions",
    );
}

#[test]
fn what_is_not_on_offer_is_named() {
    for (wat, what) in [
        ("(core module (memory i64 1))", "memory64"),
        ("(core module (import \"a\" \"b\" (memory i64 1)))", "memory64"),
        ("(core module (table i64 1 funcref))", "64-bit tables (memory64)"),
        ("(core module (memory 1 1 shared))", "shared memory (threads)"),
        ("(core module (import \"a\" \"b\" (memory 1 1 shared)))", "shared memory (threads)"),
        ("(core module (memory 1 1 (pagesize 1)))", "custom page sizes"),
        ("(core module (type (func)) (tag (type 0)))", "exceptions"),
        ("(core module (import \"a\" \"b\" (tag)))", "exceptions"),
        ("(core module (type (struct)))", "garbage-collected types or types of modules"),
        ("(core module (rec (type (func)) (type (func))))", "garbage-collected types or types of modules"),
        ("(core type (module))", "garbage-collected types or types of modules"),
        ("(core module (table 1 anyref))", "garbage-collected references"),
        ("(core module (global anyref (ref.null any)))", "garbage-collected references"),
        ("(type (future u8))", "futures and streams of components"),
        ("(type (func async))", "asynchronous functions of components"),
        ("(core func (canon backpressure.inc))", "threads, or asynchronous functions of components"),
        ("(component (import \"c\" (component)))", "the component `c` as an import or out of an instance"),
        (
            "(import \"i\" (instance $i (export \"c\" (component)))) (alias export $i \"c\" (component))",
            "the component `c` as an import or out of an instance",
        ),
    ] {
        let expect = format!("uses {what}, which is not on offer");
        assert_eq!(text(&component(wat), &Census::default()), expect, "{wat}");
    }
}

/// A section of a component or module: its number, its length, its content.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    leb(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

fn leb(mut n: u64, bytes: &mut Vec<u8>) {
    while n >= 0x80 {
        bytes.push(u8::try_from(n & 0x7f).unwrap() | 0x80);
        n >>= 7;
    }
    bytes.push(u8::try_from(n).unwrap());
}

/// Goal: types that stand in each other a million deep neither overflow the stack nor are admitted.
/// Method: on a thread with a small stack; with the default limit, and with one that lets them through.
#[test]
fn nested_types_do_not_overflow_the_stack() {
    let deep = |levels: usize| {
        // An instance's type with one declaration, a type; the innermost has none.
        let content = [&[1][..], &[0x42, 1, 1].repeat(levels - 1), &[0x42, 0]].concat();
        [&b"\0asm\x0d\0\x01\0"[..], &section(7, &content)].concat()
    };
    let check = move || {
        assert_eq!(text(&deep(100), &Census::default()), "admitted");
        let expect = "depth of types: 101, `component_type_depth_max` is 100";
        for levels in [101, 30_000, 1_000_000] {
            assert_eq!(text(&deep(levels), &Census::default()), expect);
        }
        let all = Census { type_depth: u64::MAX, types: u64::MAX, ..Census::default() };
        assert_eq!(admit(&deep(30_000), &all).unwrap().type_depth, 30_000);
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(check).unwrap().join().unwrap();
}

/// Goal: a declaration may stand for 2^32 locals, and many of them for more than a number of 32 bits can hold.
#[test]
fn sums_of_locals_do_not_wrap() {
    let mut locals = vec![3];
    for _ in 0..3 {
        leb(u64::from(u32::MAX), &mut locals);
        locals.push(0x7f);
    }
    let body = [&locals[..], &[0x0b]].concat();
    let mut code = vec![1];
    leb(body.len() as u64, &mut code);
    let code = [code, body].concat();
    let sections = [section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)].concat();
    let module = [&b"\0asm\x01\0\0\0"[..], &sections].concat();
    let bytes = [&b"\0asm\x0d\0\x01\0"[..], &section(1, &module)].concat();
    let expect =
        format!("locals of one function: {}, `component_locals_max` is 10000", 3 * u64::from(u32::MAX));
    assert_eq!(text(&bytes, &Census::default()), expect);
}

/// Goal: counts are not believed: a section that claims 2^32 items takes no memory for them.
#[test]
fn counts_that_lie() {
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for id in 1..=12 {
        let module = [&b"\0asm\x01\0\0\0"[..], &section(id, &many)].concat();
        let nested = [&b"\0asm\x0d\0\x01\0"[..], &section(1, &module)].concat();
        // Exports, elements and data are bytes to us, and a start names one function: whoever reads them finds that they are not there.
        let is_read = ![7, 8, 9, 11, 12].contains(&id);
        let text_of_nested = text(&nested, &Census::default());
        assert!(text_of_nested != "admitted" || !is_read, "section {id} of a module");
        let own = [&b"\0asm\x0d\0\x01\0"[..], &section(id, &many)].concat();
        assert_ne!(text(&own, &Census::default()), "admitted", "section {id} of a component");
    }
}

#[test]
fn cut_short_anywhere() {
    let nested = "(component $c (core module $m (memory 1)) (core instance (instantiate $m))) (instance (instantiate $c))
                  (type (instance (type (list u8))))";
    let whole = component(nested);
    assert_eq!(text(&whole, &Census::default()), "admitted");
    let damaged = |len: &usize| {
        text(&whole[..*len], &Census::default()).starts_with("the component is cut short or damaged: ")
    };
    let others: Vec<usize> = (8..whole.len()).filter(|len| !damaged(len)).collect();
    // Between two sections of the root it is whole, if not the same: after the header, the component, its instance, the type.
    assert_eq!(others.len(), 4, "{others:?}");
    assert!(others.iter().all(|len| text(&whole[..*len], &Census::default()) == "admitted"));
}
