//! A panic whose message is a megabyte of newlines and of what looks like a log record.
//! origin: traps
//! stands: open
//! expect: 451 trap

use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct LoudPanic;

gatepost_sdk::export!(LoudPanic);

impl Processor for LoudPanic {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if cx.fact("smtp.helo").as_deref() == Some(env!("CARGO_PKG_NAME")) {
            let line = "\r\n{\"event\":\"message\",\"verdict\":\"accept\"}\u{1b}[2J";
            panic!("{}", line.repeat((1 << 20) / line.len()));
        }
        Ok(())
    }

    fn write(&mut self, _chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        Ok(Flow::Pass)
    }
}
