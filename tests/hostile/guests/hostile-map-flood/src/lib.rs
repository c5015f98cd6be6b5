//! A map that grows with every key that it is given, and it is given keys without end.
//! origin: growth
//! stands: close
//! expect: 451 memory cpu trap

use std::collections::HashMap;

use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal, Verdict};

/// The processor.
#[derive(Debug)]
pub struct MapFlood;

gatepost_sdk::export!(MapFlood);

impl Processor for MapFlood {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn write(&mut self, _chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        Ok(Flow::Pass)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        if cx.fact("smtp.helo").as_deref() == Some(env!("CARGO_PKG_NAME")) {
            let mut seen: HashMap<u64, [u64; 16]> = HashMap::new();
            for n in 0.. {
                seen.insert(n, [n; 16]);
            }
        }
        Ok(Verdict::Accept)
    }
}
