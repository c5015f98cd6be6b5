//! Notices a client that leaves while its chain is at work and nobody would read.
//!
//! ```text
//! chain busy --25 ms--> read ahead, within bounds --the client's end--> is the content's end there? --no--> gone
//! ```
//!
//! A client that has closed its half is not gone: what it sent may stand unread, with the end of its message in it. And what it
//! sent may keep its end from us, as long as nobody reads. So content is read ahead, as far as the tenant has room for it,
//! and all of it once the kernel has the end; whoever has hung up sends no more.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::{Connection, Ended, READ_SIZE};

/// How long a chain may keep its client's bytes waiting before we read on, and look again whether we may.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Most that is read ahead of a chain, in bytes: more than a client's kernel holds of an ordinary message.
const READ_AHEAD_MAX: usize = 512 << 10;
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
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = sleep(LOOK_AGAIN) => {}
        }
        loop {
            let may_read = self.may_read_ahead();
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                read = self.wire.stream().read_buf(&mut self.input), if may_read => if read? == 0 { break },
                // There may be room by then, or the client may have hung up.
                () = sleep(LOOK_AGAIN), if !may_read => {}
            }
        }
        // That was the client's end.
        if is_whole(&self.input) { Ok(work.await) } else { Err(Ended::ClientGone) }
    }

    /// Whether there is room for more of what the client sends. Then the input has it.
    fn may_read_ahead(&mut self) -> bool {
        let len = self.input.len() + READ_SIZE;
        let Some(tenant) = &self.payer else { return false };
        let ahead = self.ahead.get_or_insert_with(|| tenant.quota.buffer());
        let may_read = match self.wire.has_hung_up() {
            true => len <= LEFT_BEHIND_MAX,
            false => len <= READ_AHEAD_MAX && ahead.try_hold(len),
        };
        if may_read {
            self.input.reserve(READ_SIZE);
        }
        may_read
    }
}
