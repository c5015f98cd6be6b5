//! What stages cost that do nothing: natives against sandboxed ones.

use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::{Content, Flow, PlannedStage, Processor, Stage, StageContext, StageEnd};

use crate::bench::{Bench, median, planned, thread_cpu};

/// Rounds, each of [`MESSAGES`]; every kind of chain is measured in every round, in turn.
const ROUNDS: usize = 21;
const MESSAGES: u32 = 200;

/// CPU time of a message for each kind of chain. `component` is `xtask/guests/pass`.
pub(crate) fn measure(component: &[u8]) -> anyhow::Result<serde_json::Value> {
    let bench = Bench::new()?;
    let sandboxed = |label: &str| bench.sandboxed(label, component);
    let native = |label: &str| planned(label, Arc::new(Native));
    let (a, b, c) = (sandboxed("a")?, sandboxed("b")?, sandboxed("c")?);
    let message = message(4 << 10);
    let chunk = [Bytes::from(vec![b'x'; 4 << 10])];
    let chunks = vec![chunk[0].clone(); 101];
    let kinds: [(&str, Vec<PlannedStage>, &[Bytes]); 6] = [
        ("no_stage", Vec::new(), &message),
        ("three_native", vec![native("a"), native("b"), native("c")], &message),
        ("three_sandboxed", vec![a.clone(), b, c], &message),
        ("one_sandboxed_empty", vec![a.clone()], &[]),
        ("one_sandboxed_1_write", vec![a.clone()], &chunk),
        ("one_sandboxed_101_writes", vec![a], &chunks),
    ];
    let mut times = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        for (times, (_, stages, chunks)) in times.iter_mut().zip(&kinds) {
            let began = thread_cpu();
            for _ in 0..MESSAGES {
                bench.run(stages, chunks)?;
            }
            times.push((thread_cpu() - began) / MESSAGES);
        }
    }
    let mut shown = serde_json::Map::new();
    for (times, (name, ..)) in times.iter_mut().zip(&kinds) {
        shown.insert((*name).into(), u64::try_from(median(times).as_nanos())?.into());
    }
    Ok(shown.into())
}

fn message(size: usize) -> [Bytes; 1] {
    let mut message = b"Subject: bench\r\n\r\n".to_vec();
    while message.len() < size {
        message.extend_from_slice(
            b"The quick brown fox jumps over the lazy dog, and does it again and again.\r\n",
        );
    }
    message.truncate(size);
    [message.into()]
}

/// The native counterpart of `xtask/guests/pass`.
struct Native;

impl Processor for Native {
    fn id(&self) -> &str {
        "native-pass"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Any
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(NativeStage)
    }
}

struct NativeStage;

#[async_trait]
impl Stage for NativeStage {
    async fn write(&mut self, chunk: &Bytes, _cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        black_box(chunk);
        Ok(Flow::Pass)
    }
}
