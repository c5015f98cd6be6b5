//! Tests of `sink::fanout`.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::chain::Content;
use crate::sink::COMMIT_TIMEOUT;

/// What the sinks did, in order.
type Diary = Arc<Mutex<Vec<String>>>;

/// A sink that writes a diary and fails or hangs where it is told.
#[derive(Clone, Default)]
struct Fake {
    name: String,
    diary: Diary,
    is_final: bool,
    can_quarantine: bool,
    fails_at: &'static str,
    hangs: bool,
}

impl Fake {
    fn note(&self, step: &str) -> Result<(), SinkError> {
        self.diary.lock().unwrap().push(format!("{} {step}", self.name));
        if self.fails_at == step { Err(SinkError::bare("asked to fail")) } else { Ok(()) }
    }
}

#[async_trait]
impl Sink for Fake {
    fn name(&self) -> &str {
        &self.name
    }
    fn takes(&self) -> Content {
        Content::Any
    }
    fn can_quarantine(&self) -> bool {
        self.can_quarantine
    }
    fn is_final(&self) -> bool {
        self.is_final
    }
    async fn open(&self, _envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        self.note("open")?;
        Ok(Box::new(FakeDelivery { fake: self.clone(), committed: false }))
    }
}

struct FakeDelivery {
    fake: Fake,
    committed: bool,
}

#[async_trait]
impl Delivery for FakeDelivery {
    async fn write(&mut self, _chunk: Bytes) -> Result<(), SinkError> {
        self.fake.note("write")
    }
    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        self.fake.note("prepare")
    }
    async fn commit(mut self: Box<Self>) -> Result<(), SinkError> {
        if self.fake.hangs {
            std::future::pending::<()>().await;
        }
        self.fake.note("commit")?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for FakeDelivery {
    fn drop(&mut self) {
        if !self.committed {
            self.fake.note("abort").unwrap();
        }
    }
}

/// Three sinks a, b, c, changed by `change`; one message of one chunk; the answer and the diary.
async fn run(placement: Placement, change: impl Fn(&mut Fake)) -> (Result<Vec<String>, SinkFailure>, String) {
    let diary = Diary::default();
    let sinks: Vec<(String, Arc<dyn Sink>)> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let mut fake = Fake { name: name.into(), diary: diary.clone(), ..Fake::default() };
            change(&mut fake);
            (name.to_owned(), Arc::new(fake) as Arc<dyn Sink>)
        })
        .collect();
    let answer = async {
        let mut fanout = FanOut::open(&sinks, Aheads::of(&sinks), &Envelope::default()).await?;
        fanout.write(Bytes::from_static(b"x")).await?;
        fanout.prepare(placement).await?;
        let committed = fanout.commit().await?;
        Ok(committed.into_iter().map(|committed| committed.sink).collect())
    }
    .await;
    let diary = diary.lock().unwrap().join(", ");
    (answer, diary)
}

#[tokio::test]
async fn all_prepare_before_any_commits_and_the_final_one_commits_first() {
    let (answer, diary) = run(Placement::Deliver, |fake| fake.is_final = fake.name == "b").await;
    assert_eq!(answer.unwrap(), ["b", "a", "c"]);
    assert_eq!(
        diary,
        "a open, b open, c open, a write, b write, c write, \
         a prepare, b prepare, c prepare, b commit, a commit, c commit"
    );
}

#[tokio::test]
async fn a_failure_before_commit_aborts_all() {
    for (step, opened) in [("open", 1), ("write", 3), ("prepare", 3)] {
        let (answer, diary) = run(Placement::Deliver, |fake| {
            fake.fails_at = if fake.name == "b" { step } else { "" };
        })
        .await;
        let failure = answer.unwrap_err();
        assert_eq!((failure.sink.as_str(), failure.held_by.len()), ("b", 0), "{step}");
        assert!(!diary.contains("commit"), "{diary}");
        assert_eq!(diary.matches("abort").count(), opened, "{diary}");
    }
}

#[tokio::test]
async fn a_failed_commit_names_who_holds_the_message_and_stops() {
    let (answer, diary) = run(Placement::Deliver, |fake| {
        fake.is_final = fake.name == "c";
        fake.fails_at = if fake.name == "a" { "commit" } else { "" };
    })
    .await;
    let failure = answer.unwrap_err();
    assert_eq!((failure.sink.as_str(), failure.held_by), ("a", vec!["c".to_owned()]));
    assert!(diary.ends_with("c commit, a commit, a abort, b abort"), "{diary}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_hangs_is_given_up() {
    let began = tokio::time::Instant::now();
    let (answer, diary) = run(Placement::Deliver, |fake| fake.hangs = fake.name == "b").await;
    assert_eq!(answer.unwrap_err().held_by, ["a"]);
    assert_eq!(began.elapsed(), COMMIT_TIMEOUT);
    assert!(diary.ends_with("a commit, b abort, c abort"), "{diary}");
}

#[tokio::test]
async fn quarantine_goes_to_those_who_have_one() {
    let (answer, diary) = run(Placement::Quarantine, |fake| fake.can_quarantine = fake.name == "b").await;
    assert_eq!(answer.unwrap(), ["b"]);
    assert!(diary.ends_with("a abort, c abort, b prepare, b commit"), "{diary}");
    let (answer, diary) = run(Placement::Quarantine, |_| ()).await;
    assert_eq!(answer.unwrap_err().sink, "a + b + c");
    assert!(!diary.contains("prepare"), "{diary}");
}
