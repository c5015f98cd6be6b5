//! `pass`: passes every chunk on, unlooked at. For `cargo xtask bench`: what it costs is what the sandbox costs.

use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct Pass;

gatepost_sdk::export!(Pass);

impl Processor for Pass {
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
}
