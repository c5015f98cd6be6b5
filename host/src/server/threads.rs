//! The runtime that chains run on.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Handle, Runtime};

/// Chains run here, one thread a core; socket threads run none. May be dropped anywhere: what still runs is cut off.
pub(super) struct ChainThreads(Option<Runtime>);

impl ChainThreads {
    pub(super) fn start() -> io::Result<(Self, Handle)> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // The first threads are the workers; those that come later wait for disks.
        let (workers, named) = (cores(), AtomicUsize::new(0));
        builder.thread_name_fn(move || {
            let of_chains = named.fetch_add(1, Ordering::Relaxed) < workers;
            if of_chains { "chain" } else { "disk" }.to_owned()
        });
        let runtime = builder.worker_threads(workers).enable_time().enable_io().build()?;
        let handle = runtime.handle().clone();
        Ok((Self(Some(runtime)), handle))
    }
}

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Drop for ChainThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
