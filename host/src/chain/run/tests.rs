//! The corners of `docs/semantics.md`, "A chain at work", with scripted stages.

use std::sync::{Arc, Mutex};

use super::*;
use crate::chain::{Content, Processor, Stage, StageContext};
use crate::mail::{Mailbox, MessageId};
use crate::smtp::Reply;

/// What a scripted stage does in one call.
#[derive(Clone)]
enum Do {
    Pass,
    Emit(&'static str, Flow),
    Fact(&'static str),
    Fail,
    Refuse,
    Verdict(Verdict),
    CloseEmit(&'static str),
}

#[derive(Clone)]
struct Script {
    name: &'static str,
    takes: Content,
    open: Vec<Do>,
    writes: Vec<Do>,
    close: Vec<Do>,
    on_failure: OnFailure,
    seen: Arc<Mutex<Vec<String>>>,
}

struct Scripted {
    script: Script,
    n: usize,
}

impl Processor for Script {
    fn id(&self) -> &str {
        self.name
    }
    fn takes(&self) -> Content {
        self.takes
    }
    fn gives(&self) -> Content {
        Content::Any
    }
    fn stage(&self) -> Box<dyn Stage> {
        Box::new(Scripted { script: self.clone(), n: 0 })
    }
}

impl Scripted {
    fn act(&self, act: Option<Do>, cx: &mut StageContext<'_>) -> Result<(Flow, Verdict), StageEnd> {
        match act.unwrap_or(Do::Pass) {
            Do::Pass => Ok((Flow::Pass, Verdict::Accept)),
            Do::Emit(text, flow) => {
                cx.output.push(text);
                Ok((flow, Verdict::Accept))
            }
            Do::Fact(value) => {
                assert!(cx.envelope.set_stage_fact("x.fact", value));
                Ok((Flow::Pass, Verdict::Accept))
            }
            Do::Fail => {
                cx.output.push("written before the failure");
                Err(StageError::Failed("scripted".into()).into())
            }
            Do::Refuse => Err(Refusal::Reject(Reply::new(550, "5.7.1", "no")).into()),
            Do::Verdict(verdict) => Ok((Flow::Pass, verdict)),
            Do::CloseEmit(text) => {
                cx.output.push(text);
                Ok((Flow::Pass, Verdict::Accept))
            }
        }
    }

    fn saw(&self, what: &str) {
        self.script.seen.lock().unwrap().push(format!("{} {what}", self.script.name));
    }
}

#[async_trait]
impl Stage for Scripted {
    async fn open(&mut self, cx: &mut StageContext<'_>) -> Result<(), StageEnd> {
        self.saw(&format!("open {}", cx.envelope.fact("x.fact").unwrap_or("-")));
        self.act(self.script.open.first().cloned(), cx).map(|_| ())
    }
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        self.saw(&String::from_utf8_lossy(chunk));
        let act = self.script.writes.get(self.n).cloned();
        self.n += 1;
        self.act(act, cx).map(|(flow, _)| flow)
    }
    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        self.saw("close");
        self.act(self.script.close.first().cloned(), cx).map(|(_, verdict)| verdict)
    }
}

#[derive(Default)]
struct Collect(Vec<u8>);

#[async_trait]
impl Outlet for Collect {
    async fn write(&mut self, _envelope: &Envelope, chunk: Bytes) -> Result<(), SinkFailure> {
        assert!(!chunk.is_empty());
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

struct Ran {
    result: Result<Verdict, RunEnd>,
    out: String,
    seen: Vec<String>,
    run: Run,
}

/// Runs `pieces` through `scripts` with chunks of 8 bytes and header sections of at most 20.
async fn run(scripts: &[Script], pieces: &[&str]) -> Ran {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let stages: Vec<PlannedStage> = scripts
        .iter()
        .map(|script| PlannedStage {
            label: script.name.to_owned(),
            on_failure: script.on_failure,
            processor: Arc::new(Script { seen: seen.clone(), ..script.clone() }),
            breaker: None,
        })
        .collect();
    let envelope = Envelope::new(MessageId::default(), None, vec![Mailbox::from_parts("a", "b.example")]);
    let mut run = Run::new(&stages, RunLimits { chunk_size: 8, header_size_max: 20 }, envelope);
    let mut out = Collect::default();
    let mut result = Ok(());
    for piece in pieces {
        result = run.write(Bytes::copy_from_slice(piece.as_bytes()), &mut out).await;
        if result.is_err() {
            break;
        }
    }
    let result = match result {
        Ok(()) => run.finish(&mut out).await,
        Err(end) => Err(end),
    };
    let seen = seen.lock().unwrap().clone();
    Ran { result, out: String::from_utf8(out.0).unwrap(), seen, run }
}

fn script(name: &'static str) -> Script {
    Script {
        name,
        takes: Content::Any,
        open: vec![],
        writes: vec![],
        close: vec![],
        on_failure: OnFailure::Defer,
        seen: Arc::default(),
    }
}

#[tokio::test]
async fn output_reaches_the_next_stage_before_the_next_chunk_and_before_the_chunk_itself() {
    let a = Script { writes: vec![Do::Emit("+", Flow::Pass)], ..script("a") };
    let ran = run(&[a, script("b")], &["12345678abc"]).await;
    assert_eq!(ran.out, "+12345678abc");
    assert_eq!(
        ran.seen,
        ["a open -", "a 12345678", "b open -", "b +", "b 12345678", "a abc", "b abc", "a close", "b close"]
    );
}

#[tokio::test]
async fn what_open_writes_comes_first() {
    let a = Script {
        open: vec![Do::Emit("first ", Flow::Pass)],
        writes: vec![Do::Emit("2nd ", Flow::Pass)],
        ..script("a")
    };
    assert_eq!(run(std::slice::from_ref(&a), &["body"]).await.out, "first 2nd body");
    assert_eq!(run(&[a], &[]).await.out, "first ");
}

#[tokio::test]
async fn the_next_stage_opens_late_and_sees_the_facts() {
    let a = Script { writes: vec![Do::Emit("", Flow::Replaced), Do::Fact("set")], ..script("a") };
    let ran = run(&[a, script("b")], &["one", "two"]).await;
    assert_eq!(ran.seen, ["a open -", "a one", "a two", "b open set", "b two", "a close", "b close"]);
}

#[tokio::test]
async fn an_empty_message_gets_no_write() {
    let ran = run(&[script("a"), script("b")], &[]).await;
    assert_eq!(ran.seen, ["a open -", "a close", "b open -", "b close"]);
}

#[tokio::test]
async fn the_header_section_comes_whole_and_what_follows_is_cut() {
    let a = Script { takes: Content::Message, ..script("a") };
    let ran = run(&[a, script("b")], &["A: 1\n", "B: 23\n\nbo", "dy"]).await;
    assert_eq!(ran.out, "A: 1\nB: 23\n\nbody");
    assert_eq!(
        ran.seen,
        [
            "a open -",
            "a A: 1\nB: 23\n\n",
            "b open -",
            "b A: 1\nB: ",
            "b 23\n\n",
            "a bo",
            "b bo",
            "a dy",
            "b dy",
            "a close",
            "b close"
        ]
    );
}

#[tokio::test]
async fn a_header_section_past_the_limit_is_the_fault_of_whoever_made_it() {
    let message = Script { takes: Content::Message, ..script("m") };
    let long = "A: 4567890123456789\n\n";
    let ran = run(&[script("a"), message.clone()], &[long]).await;
    assert!(matches!(ran.result, Err(RunEnd::HeaderTooLarge)), "{:?}", ran.result);
    let maker = Script { writes: vec![Do::Emit("B: more\n", Flow::Pass)], ..script("maker") };
    let ran = run(&[script("a"), maker, message], &[&long[8..]]).await;
    assert!(matches!(ran.result, Err(RunEnd::Failed { reject: false, .. })), "{:?}", ran.result);
    assert_eq!(ran.run.failures()[0].stage, "maker");
}

#[tokio::test]
async fn splice_takes_the_stage_out_at_once() {
    let a =
        Script { writes: vec![Do::Emit("<", Flow::Splice)], close: vec![Do::CloseEmit(">")], ..script("a") };
    let ran = run(&[a, script("b")], &["one", "two"]).await;
    assert_eq!(ran.out, "<one>two");
    assert_eq!(
        ran.seen,
        ["a open -", "a one", "a close", "b open -", "b <", "b one", "b >", "b two", "b close"]
    );
}

#[tokio::test]
async fn drain_drops_the_rest_and_later_stages_go_on() {
    let a = Script { writes: vec![Do::Pass, Do::Emit("[cut]", Flow::Drain)], ..script("a") };
    let ran = run(&[a, script("b")], &["one", "two", "three"]).await;
    assert_eq!(ran.out, "one[cut]");
    assert_eq!(ran.seen.last().unwrap(), "b close");
    assert_eq!(ran.run.records()[0].outcome, "drained");
}

#[tokio::test]
async fn verdicts_merge_and_tails_flow_on() {
    let q = Script { close: vec![Do::Verdict(Verdict::Quarantine("q".into()))], ..script("q") };
    let d = Script { close: vec![Do::Verdict(Verdict::Discard)], ..script("d") };
    let t = Script { close: vec![Do::CloseEmit("tail")], ..script("t") };
    let ran = run(&[d, t, q], &["x"]).await;
    assert_eq!(ran.result.unwrap(), Verdict::Discard);
    assert_eq!(ran.out, "xtail");
}

#[tokio::test]
async fn a_refusal_ends_the_run_and_no_later_stage_closes() {
    let a = Script { close: vec![Do::Refuse], ..script("a") };
    let ran = run(&[a, script("b")], &["x"]).await;
    assert!(matches!(ran.result, Err(RunEnd::Refused { ref stage, .. }) if stage == "a"));
    assert!(!ran.seen.contains(&"b close".to_owned()), "{:?}", ran.seen);
}

#[tokio::test]
async fn each_policy_at_each_place_of_failure() {
    let places = [
        Script { open: vec![Do::Fail], ..script("a") },
        Script { writes: vec![Do::Fail], ..script("a") },
        Script { writes: vec![Do::Pass, Do::Fail], ..script("a") },
        Script { close: vec![Do::Fail], ..script("a") },
    ];
    for place in places {
        for on_failure in [OnFailure::Defer, OnFailure::Reject, OnFailure::Bypass, OnFailure::Quarantine] {
            let ran = run(&[Script { on_failure, ..place.clone() }, script("b")], &["one", "two"]).await;
            assert_eq!(ran.run.failures()[0].policy, on_failure);
            match on_failure {
                OnFailure::Defer => assert!(matches!(ran.result, Err(RunEnd::Failed { reject: false, .. }))),
                OnFailure::Reject => assert!(matches!(ran.result, Err(RunEnd::Failed { reject: true, .. }))),
                OnFailure::Bypass => {
                    assert_eq!((ran.result.unwrap(), &*ran.out), (Verdict::Accept, "onetwo"));
                }
                OnFailure::Quarantine => {
                    assert_eq!(ran.result.unwrap().name(), "quarantine");
                    assert_eq!(ran.out, "onetwo");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stage_that_has_changed_a_byte_is_not_bypassed() {
    for first in [Do::Emit("x", Flow::Pass), Do::Emit("", Flow::Replaced)] {
        for on_failure in [OnFailure::Bypass, OnFailure::Quarantine] {
            let a = Script { writes: vec![first.clone(), Do::Fail], on_failure, ..script("a") };
            let ran = run(&[a], &["one", "two"]).await;
            assert!(matches!(ran.result, Err(RunEnd::Failed { reject: false, .. })));
            assert_eq!(ran.run.failures()[0].policy, OnFailure::Defer);
        }
    }
}

#[tokio::test]
async fn a_bypass_takes_the_facts_back() {
    let a = Script { writes: vec![Do::Fact("a"), Do::Fail], on_failure: OnFailure::Bypass, ..script("a") };
    let ran = run(&[a], &["one", "two"]).await;
    assert_eq!(ran.result.unwrap(), Verdict::Accept);
    assert_eq!(ran.run.envelope().fact("x.fact"), None);
    assert_eq!(ran.run.records()[0].outcome, "bypassed");
}
