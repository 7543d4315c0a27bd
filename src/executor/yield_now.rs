//! Giving others a turn — owns nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::owner;

/// Lets others run: every other ready task, the inbox, sockets and timers get their turn before the caller goes on.
///
/// # Examples
///
/// ```
/// wakeline::block_on(async {
///     let task = wakeline::spawn(async {});
///     wakeline::yield_now().await;
///     assert!(task.is_finished());
/// });
/// ```
///
/// # Cancel safety
///
/// Dropping it does nothing.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing until they are awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        owner::request_look();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
