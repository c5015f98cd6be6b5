//! Components that are small to write and huge to compile: every family of `compile bombs`, byte by byte.
//!
//! ```text
//! bombs::all(100, 10)      each family by its name, at that size
//! bombs::loops(400)        8 KiB that want half a minute
//! ```
//!
//! Each is a valid component, which exports nothing: where one gets through the compiler it is refused for that. Knows nothing
//! of limits.

/// A family at a size: its name, and the component.
pub type Bomb = (&'static str, Vec<u8>);

/// Every family: those that grow with a number at `n` or a multiple of it, those that double at `levels`.
pub fn all(n: usize, levels: usize) -> Vec<Bomb> {
    vec![
        ("loops over locals", loops(n)),
        ("instances that double", doubling(levels)),
        ("functions", functions(n * 1000)),
        ("locals of one function", locals(n * 500)),
        ("targets of a br_table", br_table(n * 1000)),
        ("types within types", nested_types(n)),
        ("types by reference", types_by_reference(n)),
        ("types", types(n * 1000)),
        ("imports", imports(n * 1000)),
        ("exports", exports(n * 1000)),
        ("element segments", elements(n * 1000)),
        ("data segments", data(n * 1000)),
        ("canonical functions", canonical(n * 100)),
    ]
}

const I32: u8 = 0x7f;
const END: u8 = 0x0b;

fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap_or_default();
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn with_len(bytes: &[u8]) -> Vec<u8> {
    [leb(bytes.len()), bytes.to_vec()].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], with_len(content)].concat()
}

/// A section of `n` items.
fn items(id: u8, n: usize, item: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut content = leb(n);
    (0..n).for_each(|at| content.extend(item(at)));
    section(id, &content)
}

/// A component of these sections.
fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
}

/// A core module of these sections.
fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

/// A component that holds a core module and makes no instance of it.
fn around(sections: &[Vec<u8>]) -> Vec<u8> {
    component(&[section(1, &module(sections))])
}

/// The type of functions that take and give nothing.
fn nothing() -> Vec<u8> {
    items(1, 1, |_| vec![0x60, 0, 0])
}

/// One function with so many locals and this body.
fn one_function(locals: usize, body: &[u8]) -> Vec<u8> {
    let locals = [leb(1), leb(locals), vec![I32]].concat();
    let body = [&locals[..], body, &[END]].concat();
    around(&[nothing(), items(3, 1, |_| vec![0]), items(10, 1, |_| with_len(&body))])
}

/// `local = local + 1`
fn bump(local: usize) -> Vec<u8> {
    [vec![0x20], leb(local), vec![0x41, 1, 0x6a, 0x21], leb(local)].concat()
}

/// `n` loops within each other, each changing a local of its own: what enters each loop is every local, n x n values.
pub fn loops(n: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for level in 0..n {
        body.extend([0x03, 0x40]);
        body.extend(bump(level));
    }
    // `br_if` back to the begin of each.
    body.extend([0x20, 0, 0x0d, 0, END].repeat(n));
    one_function(n, &body)
}

/// `n` locals that a loop changes in turn.
pub fn locals(n: usize) -> Vec<u8> {
    let mut body = vec![0x03, 0x40];
    (0..n).for_each(|local| body.extend(bump(local)));
    body.extend([0x20, 0, 0x0d, 0, END]);
    one_function(n, &body)
}

/// A component that makes two instances of one that makes two instances ..., so many levels deep: 2^levels of them.
pub fn doubling(levels: usize) -> Vec<u8> {
    let two = || items(5, 2, |_| vec![0, 0, 0]);
    let mut inner = component(&[section(1, &module(&[])), items(2, 1, |_| vec![0, 0, 0])]);
    for _ in 0..levels {
        inner = component(&[section(4, &inner), two()]);
    }
    inner
}

/// `n` functions that do nothing.
pub fn functions(n: usize) -> Vec<u8> {
    around(&[nothing(), items(3, n, |_| vec![0]), items(10, n, |_| vec![2, 0, END])])
}

/// A jump table of `n` targets, each a block of its own up to 100.
pub fn br_table(n: usize) -> Vec<u8> {
    let blocks = n.min(100);
    let mut body = [0x02, 0x40].repeat(blocks);
    body.extend([vec![0x20, 0, 0x0e], leb(n)].concat());
    (0..=n).for_each(|target| body.extend(leb(target % blocks.max(1))));
    (0..blocks).for_each(|block| body.extend([vec![END], bump(block % 10)].concat()));
    one_function(10, &body)
}

/// A type of an instance that has a type of an instance ..., so many levels deep.
pub fn nested_types(levels: usize) -> Vec<u8> {
    let inner = [&[0x42, 1, 1].repeat(levels.saturating_sub(1))[..], &[0x42, 0]].concat();
    component(&[items(7, 1, |_| inner.clone())])
}

/// A list of a list ..., so many levels deep, each by the index of the one before.
pub fn types_by_reference(levels: usize) -> Vec<u8> {
    let list = |at: usize| match at.checked_sub(1) {
        None => vec![0x70, 0x7d],
        // An index is a signed number of 33 bits: its highest bit is clear.
        Some(before) => [vec![0x70], signed(before)].concat(),
    };
    component(&[items(7, levels, list)])
}

fn signed(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap_or_default();
        n >>= 7;
        if n == 0 && low & 0x40 == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// `n` types of functions, no two alike up to 1024.
pub fn types(n: usize) -> Vec<u8> {
    let params = |at: usize| -> Vec<u8> { (0..10).map(|bit| I32 - u8::from(at >> bit & 1 == 1)).collect() };
    around(&[items(1, n, |at| [vec![0x60], with_len(&params(at)), vec![0]].concat())])
}

/// A module that imports `n` functions.
pub fn imports(n: usize) -> Vec<u8> {
    let import = |at: usize| [with_len(b"m"), with_len(at.to_string().as_bytes()), vec![0, 0]].concat();
    around(&[nothing(), items(2, n, import)])
}

/// A module that exports a function under `n` names.
pub fn exports(n: usize) -> Vec<u8> {
    let export = |at: usize| [with_len(at.to_string().as_bytes()), vec![0, 0]].concat();
    around(&[nothing(), items(3, 1, |_| vec![0]), items(7, n, export), items(10, 1, |_| vec![2, 0, END])])
}

/// A module with `n` passive element segments of a function.
pub fn elements(n: usize) -> Vec<u8> {
    around(&[
        nothing(),
        items(3, 1, |_| vec![0]),
        items(9, n, |_| vec![1, 0, 1, 0]),
        items(10, 1, |_| vec![2, 0, END]),
    ])
}

/// A module with `n` passive data segments of a byte.
pub fn data(n: usize) -> Vec<u8> {
    around(&[items(5, 1, |_| vec![0, 1]), section(12, &leb(n)), items(11, n, |_| vec![1, 1, b'x'])])
}

/// A component with `n` functions that make a handle of a resource.
pub fn canonical(n: usize) -> Vec<u8> {
    component(&[items(7, 1, |_| vec![0x3f, I32, 0]), items(8, n, |_| vec![2, 0])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;

    /// Goal: small ones are what they should be: they compile, and are refused for what they lack only.
    #[test]
    fn bombs_are_valid_components() {
        let lab = Lab::new();
        for (name, bomb) in all(2, 2) {
            let error = lab.load(&bomb).expect_err("it exports nothing").to_string();
            assert!(error.starts_with("lacks the export `"), "{name}: {error}");
        }
    }
}
