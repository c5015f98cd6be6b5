//! Formats ever longer texts and logs, counts and sets facts with them, without end.
//! origin: logs
//! stands: first write
//! expect: 451 cpu host_calls memory

use gatepost_sdk::{Content, Context, Description, Flow, Level, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct Chatter;

gatepost_sdk::export!(Chatter);

impl Processor for Chatter {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        if cx.fact("smtp.helo").as_deref() == Some(env!("CARGO_PKG_NAME")) {
            for n in 0_u64.. {
                let text = format!("{n}: {:?}", &chunk[..chunk.len().min(200)]);
                cx.log(Level::Error, &text);
                cx.count(&format!("n{n}"), n);
                cx.set_fact(&format!("x.n{n}"), &text);
            }
        }
        Ok(Flow::Pass)
    }
}
