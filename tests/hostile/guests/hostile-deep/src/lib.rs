//! A parser that recurses into what it is given, which is deeper than any stack; each frame is large.
//! origin: growth
//! stands: first write
//! expect: 451 trap stack

use std::hint::black_box;

use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct Deep;

gatepost_sdk::export!(Deep);

impl Processor for Deep {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn write(&mut self, _chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        if cx.fact("smtp.helo").as_deref() == Some(env!("CARGO_PKG_NAME")) {
            black_box(nested(u64::MAX));
        }
        Ok(Flow::Pass)
    }
}

/// What stands in what stands in what stands in it.
fn nested(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if frame[7] == 0 { 0 } else { nested(depth - 1) + frame[3] }
}
