//! A driver for one stage, as the chain's driver treats it, and what holds for all native processors.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::chain::meter::CpuMeter;
use crate::chain::{Content, Flow, Output, StageContext, StageEnd};
use crate::mail::header_section::HeaderEnd;
use crate::mail::{Envelope, Verdict};
use crate::telemetry::Telemetry;

pub(super) fn scope() -> StageScope {
    StageScope {
        hostname: "mx.example.net".into(),
        state_dir: "/nonexistent".into(),
        tenant: "acme".into(),
        label: "stage".into(),
        chunk_size: 16 << 10,
        message_size_max: 1 << 20,
        telemetry: Telemetry::silent(),
        own: crate::chain::OwnAddresses::default(),
        files: crate::chain::FilesRead::default(),
    }
}

pub(super) fn build(scope: &StageScope, name: &str, settings: &str) -> Result<Arc<dyn Processor>, String> {
    let (_, factory) = all().into_iter().find(|(n, _)| *n == name).unwrap();
    factory(scope, serde_json::from_str(settings).unwrap())
}

/// Runs one stage over `message`, cut after every `cut` bytes behind the header section, and gives what came out.
pub(super) async fn drive(
    processor: &dyn Processor,
    envelope: &mut Envelope,
    message: &[u8],
    cut: usize,
) -> Result<(Vec<u8>, Verdict), StageEnd> {
    let mut head = 0;
    if processor.takes() == Content::Message {
        head = HeaderEnd::default().feed(message).unwrap_or(message.len());
    }
    let mut chunks: Vec<&[u8]> = message[head..].chunks(cut).collect();
    if head > 0 {
        chunks.insert(0, &message[..head]);
    }
    let mut stage = processor.stage();
    let (mut output, meter) = (Output::default(), Arc::new(CpuMeter::default()));
    let mut cx = StageContext { envelope, output: &mut output, meter: &meter };
    stage.open(&mut cx).await?;
    let (mut out, mut chunks) = (Vec::new(), chunks.into_iter());
    let mut ended = None;
    for chunk in chunks.by_ref() {
        let flow = stage.write(&Bytes::copy_from_slice(chunk), &mut cx).await?;
        cx.output.take().iter().for_each(|piece| out.extend_from_slice(piece));
        if matches!(flow, Flow::Pass | Flow::Splice) {
            out.extend_from_slice(chunk);
        }
        if matches!(flow, Flow::Splice | Flow::Drain) {
            ended = Some(flow);
            break;
        }
    }
    let verdict = stage.close(&mut cx).await?;
    cx.output.take().iter().for_each(|piece| out.extend_from_slice(piece));
    if ended == Some(Flow::Splice) {
        chunks.for_each(|chunk| out.extend_from_slice(chunk));
    }
    Ok((out, verdict))
}

#[test]
fn each_refuses_settings_it_does_not_know() {
    for (name, _) in all() {
        let error = build(&scope(), name, r#"{"no_such_key": 1}"#).err().unwrap();
        assert!(error.contains("no_such_key"), "{name}: {error}");
        assert!(build(&scope(), name, "{}").is_ok(), "{name}");
    }
}
