//! Notices a client that leaves while its chain is at work and nobody reads.
//!
//! ```text
//! chain busy --25 ms--> has the client hung up? --yes--> read what it left behind --the end of the content is not there--> gone
//! ```
//!
//! A client that has closed its half is not gone: what it sent may stand unread, with the end of its message in it. So all that
//! is left is read, which the kernel has bounded already, and looked through. Whoever has hung up sends no more.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::{Connection, Ended, READ_SIZE};

/// How long a chain may keep its client's bytes waiting before the socket is looked at, and looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Most of what a client left behind that is read, in bytes: the kernel's own largest receive buffer by default (tcp(7),
/// `tcp_rmem`), and some more.
const LEFT_BEHIND_MAX: usize = 8 << 20;

impl Connection {
    /// Waits for `work` of the chain. `is_whole` says whether bytes not looked at so far end what the client began.
    ///
    /// # Errors
    /// The client has left before that end.
    pub(super) async fn while_there<T>(
        &mut self,
        work: impl Future<Output = T>,
        is_whole: impl Fn(&[u8]) -> bool,
    ) -> Result<T, Ended> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            if !self.wire.has_hung_up() {
                continue;
            }
            self.read_the_rest().await?;
            if self.input.len() < LEFT_BEHIND_MAX && !is_whole(&self.input) {
                return Err(Ended::ClientGone);
            }
            return Ok(work.await);
        }
    }

    /// Reads what a client that has hung up left behind.
    async fn read_the_rest(&mut self) -> Result<(), Ended> {
        while self.input.len() < LEFT_BEHIND_MAX {
            self.input.reserve(READ_SIZE);
            if self.wire.stream().read_buf(&mut self.input).await? == 0 {
                break;
            }
        }
        Ok(())
    }
}
