//! CPU time of one stage: the thread's clock, read each time the stage's future is polled.
//!
//! A guest may be moved between threads whenever it yields, so the clock is never carried over a poll.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// CPU time used by one stage for one message. Written by the thread that polls the stage; only one does at a time.
#[derive(Debug, Default)]
pub struct CpuMeter {
    /// Nanoseconds used in finished polls.
    used_ns: AtomicU64,
    /// The thread's clock when the running poll began.
    poll_began_ns: AtomicU64,
}

impl CpuMeter {
    /// CPU time of the polls that have finished.
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.load(Ordering::Relaxed))
    }

    /// CPU time including the running poll. To be called from within that poll only.
    pub fn used_now(&self) -> Duration {
        let began = self.poll_began_ns.load(Ordering::Relaxed);
        self.used() + Duration::from_nanos(thread_cpu_ns().saturating_sub(began))
    }

    fn begin(&self) {
        self.poll_began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn end(&self) {
        let began = self.poll_began_ns.load(Ordering::Relaxed);
        self.used_ns.fetch_add(thread_cpu_ns().saturating_sub(began), Ordering::Relaxed);
    }
}

/// CPU time of the calling thread since it started, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    secs * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// A future whose polls are charged to a meter.
pub struct Metered<'a, F> {
    meter: &'a CpuMeter,
    future: F,
}

impl<'a, F: Future + Unpin> Metered<'a, F> {
    /// Charges `future` to `meter`.
    pub fn new(meter: &'a CpuMeter, future: F) -> Self {
        Self { meter, future }
    }
}

impl<F: Future + Unpin> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let poll = Pin::new(&mut self.future).poll(cx);
        self.meter.end();
        poll
    }
}
