//! How work that has run long gives way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives way for a moment. Wakes at once, not when the runtime has nothing else to do: who polls the work then knows that it
/// wants to go on before it decides who is next.
#[derive(Debug, Default)]
pub struct Tick {
    given_way: bool,
}

impl Future for Tick {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.given_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
