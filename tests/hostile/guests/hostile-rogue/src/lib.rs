//! The deed that the client's EHLO names: loops, takes all memory, traps, fills it again and again, floods.
//! origin: loops
//! stands: first write
//! expect rogue-loop: 451 cpu
//! expect rogue-grow: 451 memory trap cpu
//! expect rogue-trap: 451 trap
//! expect rogue-fill: 451 cpu
//! expect rogue-flood: 451 output failed cpu

use std::hint::black_box;

use gatepost_sdk::{Content, Context, Description, Flow, Level, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct Rogue;

gatepost_sdk::export!(Rogue);

impl Processor for Rogue {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        match cx.fact("smtp.helo").unwrap_or_default().as_str() {
            "rogue-loop" => spin(),
            "rogue-grow" => grow(),
            "rogue-trap" => trap(chunk),
            "rogue-fill" => fill(),
            "rogue-flood" => return flood(chunk, cx),
            _ => {}
        }
        Ok(Flow::Pass)
    }
}

/// Never ends, and no compiler sees it.
fn spin() {
    let mut n = 0_u64;
    while black_box(n) < u64::MAX {
        n += 1;
    }
}

/// Vectors until there is no memory; each page is touched.
fn grow() {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 256 << 10]));
    }
}

/// An index that is not there.
fn trap(chunk: &[u8]) {
    black_box(chunk[black_box(chunk.len())]);
}

/// Writes sixteen MiB anew without end.
fn fill() {
    let mut all = vec![0_u8; 16 << 20];
    let mut value = 0_u8;
    while black_box(value) < u8::MAX {
        all.fill(value);
        value = black_box(&all)[7] % 2 + 1;
    }
}

/// Says the chunk again and again, and logs that it does.
fn flood(chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
    loop {
        cx.log(Level::Warn, "a flood");
        cx.write(chunk)?;
    }
}
