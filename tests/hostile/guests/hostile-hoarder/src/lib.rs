//! Keeps every byte it can, under names of its own, and goes on when the host says that it is enough; panics where it was
//! let more than a GiB.
//! origin: hoards
//! stands: close
//! grants: kv
//! stage: cpu_per_message = "2s"
//! expect: accept or 451 cpu host_calls

use gatepost_sdk::{Content, Context, Description, Flow, KvError, Processor, Refusal, Verdict};

/// The processor.
#[derive(Debug)]
pub struct Hoarder;

gatepost_sdk::export!(Hoarder);

impl Processor for Hoarder {
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
            let value = vec![b'h'; 64 << 10];
            let (mut kept, mut refused) = (0, 0);
            for n in 0..(1 << 30) / value.len() {
                match cx.kv().set(&format!("hoarder:{n}"), &value, None) {
                    Ok(()) => kept += value.len(),
                    Err(KvError::Quota | KvError::Unavailable(_)) => refused += 1,
                }
            }
            assert!(refused > 0, "it was let {kept} bytes");
        }
        Ok(Verdict::Accept)
    }
}
