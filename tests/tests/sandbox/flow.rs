//! Native and sandboxed stages behave alike, whatever they answer.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::{
    Content, Flow, OnFailure, PlannedStage, Processor, Refusal, Stage, StageContext, StageEnd, StageError,
};
use gatepost::mail::Verdict;
use gatepost::smtp::Reply;
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

use crate::PIECES;

/// What a stage answers to one call, after it has written `emit`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Say {
    Ok,
    Flow(Flow),
    Quarantine,
    Discard,
    Reject,
    Defer,
    Failed,
}

/// A stage, to be made natively and in the sandbox. `write` is what it answers to the second write; the first passes.
#[derive(Debug, Clone, Copy)]
struct Script {
    emit: bool,
    open: Say,
    write: Say,
    close: Say,
}

struct Native {
    script: Script,
    writes: u32,
}

#[async_trait]
impl Stage for Native {
    async fn open(&mut self, cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        self.script.act(self.script.open, "<open>", cx).map(drop)
    }
    async fn write(&mut self, _chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.writes += 1;
        if self.writes != 2 {
            return Ok(Flow::Pass);
        }
        self.script.act(self.script.write, "<write>", cx).map(|(flow, _)| flow)
    }
    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.script.act(self.script.close, "<close>", cx).map(|(_, verdict)| verdict)
    }
}

impl Processor for Script {
    fn id(&self) -> &str {
        "acme/guest@1.0.0"
    }
    fn takes(&self) -> Content {
        Content::Any
    }
    fn gives(&self) -> Content {
        Content::Any
    }
    fn stage(&self) -> Box<dyn Stage> {
        Box::new(Native { script: *self, writes: 0 })
    }
}

impl Script {
    fn act(
        self,
        say: Say,
        emit: &'static str,
        cx: &mut StageContext<'_>,
    ) -> Result<(Flow, Verdict), StageEnd> {
        if self.emit {
            cx.output.push(emit);
        }
        let pass = Flow::Pass;
        Ok(match say {
            Say::Ok => (pass, Verdict::Accept),
            Say::Flow(flow) => (flow, Verdict::Accept),
            Say::Quarantine => (pass, Verdict::Quarantine("odd".into())),
            Say::Discard => (pass, Verdict::Discard),
            Say::Reject => return Err(Refusal::Reject(Reply::new(550, "5.7.1", "no")).into()),
            Say::Defer => return Err(Refusal::Defer(Reply::new(450, "4.7.1", "later")).into()),
            Say::Failed => return Err(StageError::Failed("cannot".into()).into()),
        })
    }

    /// The same as a guest.
    fn guest(self) -> Vec<u8> {
        let body = |say, emit| {
            let write = if self.emit { format!("(drop (call $next @\"{emit}\"))") } else { String::new() };
            format!("{write} {}", wat(say))
        };
        let second = format!(
            "(global.set $n (i32.add (global.get $n) (i32.const 1)))
             (if (i32.ne (global.get $n) (i32.const 2)) (then (return (global.get $ok)))) {}",
            body(self.write, "<write>")
        );
        Guest::new()
            .items("(global $n (mut i32) (i32.const 0))")
            .open(&body(self.open, "<open>"))
            .write(&second)
            .close(&body(self.close, "<close>"))
            .component()
    }
}

fn wat(say: Say) -> &'static str {
    match say {
        Say::Ok | Say::Flow(Flow::Pass) => "(global.get $ok)",
        Say::Flow(Flow::Replaced) => "(call $replaced)",
        Say::Flow(Flow::Splice) => "(call $splice)",
        Say::Flow(Flow::Drain) => "(call $drain)",
        Say::Quarantine => "(call $quarantine @\"odd\")",
        Say::Discard => "(call $discard)",
        Say::Reject => "(call $refuse (i32.const 0) (i32.const 550) @\"5.7.1\" @\"no\")",
        Say::Defer => "(call $refuse (i32.const 1) (i32.const 450) @\"4.7.1\" @\"later\")",
        Say::Failed => "(call $failed @\"cannot\")",
    }
}

/// All that two runs must have in common.
fn common(ran: &Ran) -> impl PartialEq + std::fmt::Debug + use<> {
    let record = &ran.records[0];
    (ran.end(), ran.text(), record.outcome.clone(), record.bytes_in, record.bytes_out, ran.failures.clone())
}

/// Goal: a processor can move into the sandbox, or out of it, and nothing but its speed changes.
/// Method: every answer to a write with every verdict and refusal at the close, and refusals at the open, with and
/// without output in each call, under a policy that lets the message go on; natively against sandboxed.
#[test]
fn native_and_sandboxed_agree() {
    let lab = Lab::new();
    let flows = [Flow::Pass, Flow::Replaced, Flow::Splice, Flow::Drain].map(Say::Flow);
    let refusals = [Say::Reject, Say::Defer, Say::Failed];
    let closes = [Say::Ok, Say::Quarantine, Say::Discard].into_iter().chain(refusals);
    let mut scripts = Vec::new();
    for emit in [false, true] {
        for close in closes.clone() {
            for write in flows {
                scripts.push(Script { emit, open: Say::Ok, write, close });
            }
        }
        for say in refusals {
            scripts.push(Script { emit, open: say, write: Say::Ok, close: Say::Ok });
            scripts.push(Script { emit, open: Say::Ok, write: say, close: Say::Ok });
        }
    }
    for script in scripts {
        let on_failure = OnFailure::Quarantine;
        let native =
            PlannedStage { label: "guest".into(), on_failure, processor: Arc::new(script), breaker: None };
        let sandboxed = lab.stage(&script.guest()).on_failure(on_failure).plan();
        let native = common(&lab.run(&[native], PIECES));
        let sandboxed = common(&lab.run(&[sandboxed], PIECES));
        assert_eq!(native, sandboxed, "{script:?}");
    }
}

/// Goal: the figures that the test above compares are the right ones.
#[test]
fn what_each_flow_lets_out() {
    let lab = Lab::new();
    let check = |flow: Flow, expect: &str| {
        let script = Script { emit: true, open: Say::Ok, write: Say::Flow(flow), close: Say::Ok };
        let ran = lab.run(&[lab.stage(&script.guest()).plan()], PIECES);
        assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", expect), "{flow:?}");
    };
    check(Flow::Pass, "<open>From: a@b\r\n<write>\r\nbody\r\n<close>");
    check(Flow::Replaced, "<open>From: a@b\r\n<write>body\r\n<close>");
    check(Flow::Splice, "<open>From: a@b\r\n<write>\r\n<close>body\r\n");
    check(Flow::Drain, "<open>From: a@b\r\n<write><close>");
}

/// Goal: an empty message reaches `open` and `close`, never `write`.
#[test]
fn an_empty_message_has_no_write() {
    let lab = Lab::new();
    let guest = Guest::new().write("unreachable").close("(drop (call $next @\"tail\")) (global.get $ok)");
    let ran = lab.run(&[lab.stage(&guest.component()).plan()], []);
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", "tail"));
}

/// Goal: a guest that takes `message` gets the whole header section first, however it arrives; one that takes `any`
/// gets what comes; both never more than a chunk of what follows.
#[test]
fn chunks_are_as_the_interface_says() {
    let lab = Lab::new();
    let log = "(call $count @\"write\" (i64.extend_i32_u (local.get $len))) (global.get $ok)";
    let message = lab.stage(&Guest::new().content("message", "message").write(log).component()).plan();
    let any = lab.stage(&Guest::new().write(log).component()).plan();
    let body = "x".repeat(40 << 10);
    let text = format!("A: b\r\nC: d\r\n\r\n{body}");
    let sizes = |stage: &PlannedStage, pieces: Vec<&[u8]>| {
        let ran = lab.run(std::slice::from_ref(stage), pieces);
        assert_eq!(ran.text(), text);
        ran.counted().into_iter().map(|(_, len)| len).collect::<Vec<_>>()
    };
    let text = text.as_bytes();
    assert_eq!(sizes(&message, vec![text]), [14, 16384, 16384, 8192]);
    assert_eq!(
        sizes(&message, vec![&text[..5], &text[5..13], &text[13..20], &text[20..]]),
        [14, 6, 16384, 16384, 8186]
    );
    assert_eq!(sizes(&any, vec![text]), [16384, 16384, 8206]);
    assert_eq!(sizes(&any, vec![&text[..5], &text[5..6], &text[6..]])[..2], [5, 1]);
}
