//! What happens when a tenant's chain has served its last message: each of its stages and sinks has its `shutdown` called,
//! once.
//!
//! ```text
//! reload or drain --> generation lets go of the tenant --> its last message ends --> Retirement dropped
//!                                                                                       | channel
//!                                                  hooks of that chain, side by side <-- run()
//! ```
//!
//! A tenant that a reload leaves as it is lives on, and so do its stages. What never went live has no hook called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Tenant;
use crate::chain::LineUp;
use crate::telemetry::{Event, Level, Telemetry};

/// A chain that has served.
struct Ended {
    tenant: String,
    line_up: Arc<LineUp>,
}

/// Where chains that have served go to.
#[derive(Clone)]
pub(super) struct RetiredSender(mpsc::UnboundedSender<Ended>);

/// Where they come out. Unbounded, as there are no more of them than reloads have put in.
pub struct Retired(mpsc::UnboundedReceiver<Ended>);

pub(super) fn channel() -> (RetiredSender, Retired) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a drop cannot wait, and no client can fill it: one entry a reload and tenant"
    )]
    let (sender, receiver) = mpsc::unbounded_channel();
    (RetiredSender(sender), Retired(receiver))
}

/// Lives as long as anybody holds the tenant.
pub(super) struct Retirement {
    ended: Option<Ended>,
    to: RetiredSender,
}

impl Drop for Retirement {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            // Without a receiver the server was dropped, not drained.
            let _ = self.to.0.send(ended);
        }
    }
}

/// A tenant goes live. One that is live already is left alone.
pub(super) fn begin(tenant: &Tenant, to: Option<&RetiredSender>) {
    if let Some(to) = to {
        let ended = Ended { tenant: tenant.name.clone(), line_up: tenant.line_up.clone() };
        tenant.life.get_or_init(|| Retirement { ended: Some(ended), to: to.clone() });
    }
}

/// Names of the hooks at work, for people: `` `stage` of `tenant` ``. One name may stand twice, when two reloads follow fast.
#[derive(Clone, Default)]
pub struct HooksRunning(Arc<Mutex<Vec<String>>>);

impl HooksRunning {
    /// Those at work now.
    pub fn names(&self) -> Vec<String> {
        self.with(|names| names.clone())
    }

    fn with<T>(&self, then: impl FnOnce(&mut Vec<String>) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Calls the hooks of every chain that comes out of `retired`, side by side, until there can be no more of them and the
/// last hook has ended. Dropped, it drops the hooks at work.
pub async fn run(mut retired: Retired, telemetry: Telemetry, running: HooksRunning) {
    let mut hooks = JoinSet::new();
    loop {
        tokio::select! {
            ended = retired.0.recv() => match ended {
                Some(ended) => start(&ended, &mut hooks, &telemetry, &running),
                None => break,
            },
            Some(_) = hooks.join_next() => {}
        }
    }
    while hooks.join_next().await.is_some() {}
}

fn start(ended: &Ended, hooks: &mut JoinSet<()>, telemetry: &Telemetry, running: &HooksRunning) {
    let name = |label: &str| format!("`{label}` of `{}`", ended.tenant);
    for stage in &ended.line_up.stages {
        let processor = stage.processor.clone();
        let hook = async move { processor.shutdown().await };
        hooks.spawn(watched(name(&stage.label), hook, telemetry.clone(), running.clone()));
    }
    for (label, sink) in &ended.line_up.sinks {
        let sink = sink.clone();
        let hook = async move { sink.shutdown().await };
        hooks.spawn(watched(name(label), hook, telemetry.clone(), running.clone()));
    }
}

/// One hook: a panic in it ends nothing but itself, and is told.
async fn watched(name: String, hook: impl Future<Output = ()>, telemetry: Telemetry, running: HooksRunning) {
    running.with(|names| names.push(name.clone()));
    let mut hook = pin!(hook);
    let contained =
        std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| hook.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(())),
        });
    let done = contained.await;
    running.with(|names| {
        if let Some(at) = names.iter().position(|standing| *standing == name) {
            names.swap_remove(at);
        }
    });
    if done.is_err() {
        let text = format!("the shutdown hook of {name} panicked");
        telemetry.emit(Event::Notice { level: Level::Error, text });
    }
}
