//! The `shutdown` hook of stages and sinks: once, after the last message of their chain, and never while a stage lives.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gatepost::chain::{Content, Flow, Keys, Processor, ProcessorFactory, Stage, StageContext, StageEnd};
use gatepost::mail::Envelope;
use gatepost::sink::{Delivery, Placement, Sink, SinkError, SinkFactory};
use gatepost::telemetry::{Event, Level, Telemetry};
use gatepost_tests::Smtp;
use gatepost_tests::wait::until;

/// What happened, in order: `shutdown NAME`, with `live` where a stage of it was still there.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// A stage `watched` whose setting `name` is what it signs with, and whose `end` is how its hook goes.
    fn factory(&self) -> ProcessorFactory {
        let diary = self.clone();
        Arc::new(move |_scope, settings| {
            let mut keys = Keys::new(settings);
            let name = keys.take("name").unwrap_or_default();
            let end = keys.take("end").unwrap_or_default();
            keys.finish()?;
            Ok(Arc::new(Watched { name, end, live: Arc::default(), diary: diary.clone() }))
        })
    }

    fn sink(&self) -> SinkFactory {
        let diary = self.clone();
        Arc::new(move |_scope, settings| {
            Keys::new(settings).finish()?;
            Ok(Arc::new(Hole(diary.clone())))
        })
    }
}

struct Watched {
    name: String,
    end: String,
    live: Arc<AtomicUsize>,
    diary: Diary,
}

#[async_trait]
impl Processor for Watched {
    fn id(&self) -> &str {
        "watched"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    fn gives(&self) -> Content {
        Content::Any
    }

    fn stage(&self) -> Box<dyn Stage> {
        self.live.fetch_add(1, Ordering::SeqCst);
        Box::new(WatchedStage(self.live.clone()))
    }

    async fn shutdown(&self) {
        let live = self.live.load(Ordering::SeqCst);
        self.diary.note(format!("shutdown {}{}", self.name, if live > 0 { " live" } else { "" }));
        match self.end.as_str() {
            "panic" => panic!("as the test wants"),
            "hang" => std::future::pending().await,
            _ => {}
        }
    }
}

struct WatchedStage(Arc<AtomicUsize>);

#[async_trait]
impl Stage for WatchedStage {
    async fn write(&mut self, _chunk: &Bytes, _cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        Ok(Flow::Pass)
    }
}

impl Drop for WatchedStage {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A sink that keeps nothing.
struct Hole(Diary);

#[async_trait]
impl Sink for Hole {
    fn name(&self) -> &str {
        "hole"
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    async fn open(&self, _envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        Ok(Box::new(Falling))
    }

    async fn shutdown(&self) {
        self.0.note("shutdown hole".to_owned());
    }
}

struct Falling;

#[async_trait]
impl Delivery for Falling {
    async fn write(&mut self, _chunk: Bytes) -> Result<(), SinkError> {
        Ok(())
    }

    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A host in this process whose tenants' chains are made of the above.
struct Host {
    folder: tempfile::TempDir,
    server: gatepost::Server,
    diary: Diary,
    telemetry: Telemetry,
}

impl Host {
    async fn start(tenants: &[(&str, &str)], drain_timeout: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("state/catalog/tenants")).unwrap();
        tenants.iter().for_each(|(name, end)| write_tenant(folder.path(), name, name, end));
        let config = format!(
            "server = {{ hostname = \"mx.example\", state_dir = \"state\", drain_timeout = \"{drain_timeout}\" }}\n\
             listener = [{{ name = \"mx\", address = \"127.0.0.1:0\" }}]\nadmin.address = \"127.0.0.1:0\"\n"
        );
        let path = folder.path().join("gatepost.toml");
        fs::write(&path, config).unwrap();
        let (diary, telemetry) = (Diary::default(), Telemetry::silent());
        let builder = gatepost::Server::builder(gatepost::config::load(&path).unwrap())
            .config_file(&path)
            .processor("watched", diary.factory())
            .sink("hole", diary.sink())
            .telemetry(telemetry.clone());
        Self { folder, server: builder.start().await.unwrap(), diary, telemetry }
    }

    /// A message on its way through `tenant`'s chain: so much of it has come that the chain is at work.
    fn begin(&self, tenant: &str) -> Smtp {
        let mut smtp = Smtp::connect(self.server.listeners()[0].1).unwrap();
        smtp.expect("EHLO c.example", 250);
        smtp.expect_data("a@c.example", &format!("u@{tenant}.example"));
        smtp.write(&b"line of text\r\n".repeat(10_000)).unwrap();
        smtp
    }
}

fn write_tenant(folder: &Path, name: &str, signs: &str, end: &str) {
    let text = format!(
        "domains = [\"{name}.example\"]\nchain = \"watched | hole\"\n\
         stage.watched = {{ name = \"{signs}\", end = \"{end}\" }}\n"
    );
    fs::write(folder.join(format!("state/catalog/tenants/{name}.toml")), text).unwrap();
}

fn finish(mut smtp: Smtp) {
    smtp.write(b".\r\n").unwrap();
    smtp.expect_reply(250);
}

/// Goal: a reload that replaces a chain ends its stages once its last message has, not before, and touches no other's.
/// Method: a message is held in mid-content over the reload; a second reload and a drain follow.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_reload_the_hook_waits_for_the_last_message() {
    let host = Host::start(&[("acme", ""), ("other", "")], "30s").await;
    let mut held = host.begin("acme");
    held.write(b"more\r\n").unwrap();
    write_tenant(host.folder.path(), "acme", "acme-2", "");
    // One more tenant whose file does not hold: what never went live has no hook.
    fs::write(host.folder.path().join("state/catalog/tenants/broken.toml"), "chain = \"watched | nothing\"")
        .unwrap();
    let report = host.server.handle().reload().await;
    assert_eq!(report.changed.len(), 1, "{report:?}");
    finish(host.begin("acme"));
    host.server.handle().reload().await;
    assert_eq!(host.diary.read(), [""; 0], "the old chain still has a message, the others serve");
    finish(held);
    let diary = host.diary.clone();
    tokio::task::spawn_blocking(move || until("the hooks", || (diary.read().len() == 2).then_some(())))
        .await
        .unwrap();
    let mut ended = host.diary.read();
    ended.sort();
    assert_eq!(ended, ["shutdown acme", "shutdown hole"]);
    let diary = host.diary.clone();
    assert!(host.server.drain().await);
    let mut ended = diary.read().split_off(2);
    ended.sort();
    assert_eq!(ended, ["shutdown acme-2", "shutdown hole", "shutdown hole", "shutdown other"]);
}

/// Goal: a removed tenant's stages end too; a drain ends those that are left, with a message in flight finishing first.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_all_after_the_messages_in_flight() {
    let host = Host::start(&[("acme", ""), ("other", "")], "30s").await;
    fs::remove_file(host.folder.path().join("state/catalog/tenants/other.toml")).unwrap();
    host.server.handle().reload().await;
    let diary = host.diary.clone();
    let waiting = diary.clone();
    tokio::task::spawn_blocking(move || until("the hooks", || (waiting.read().len() == 2).then_some(())))
        .await
        .unwrap();
    assert!(diary.read().contains(&"shutdown other".to_owned()), "{:?}", diary.read());
    let held = host.begin("acme");
    let drained = tokio::spawn(host.server.drain());
    tokio::task::spawn_blocking(move || finish(held)).await.unwrap();
    assert!(drained.await.unwrap());
    let mut ended = diary.read().split_off(2);
    ended.sort();
    assert_eq!(ended, ["shutdown acme", "shutdown hole"]);
}

/// Goal: a hook that panics or never ends keeps nothing from ending: both are told, and all others are called.
#[tokio::test(flavor = "multi_thread")]
async fn hooks_that_panic_or_hang_are_told() {
    let host = Host::start(&[("calm", ""), ("hanging", "hang"), ("panicking", "panic")], "0s").await;
    let mut events = host.telemetry.subscribe();
    assert!(host.server.drain().await, "no message was cut off");
    let mut ended = host.diary.read();
    ended.sort();
    let hole = "shutdown hole";
    assert_eq!(ended, ["shutdown calm", "shutdown hanging", hole, hole, hole, "shutdown panicking"]);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Notice { level, text } = &*event {
            assert_eq!(*level, Level::Error);
            told.push(text.clone());
        }
    }
    assert_eq!(told[0], "the shutdown hook of `watched` of `panicking` panicked");
    assert!(told[1].ends_with("the shutdown hook of `watched` of `hanging`"), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}
