//! The futures that every peer polls — own a counter at most — must never ask an executor for
//! anything but a wake.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Wakes itself and says that it is not done, once: the smallest future that yields.
struct Yield {
    done: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.done {
            return Poll::Ready(());
        }
        self.done = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Yields so many times.
pub async fn yields(count: u64) {
    for _ in 0..count {
        Yield { done: false }.await;
    }
}

/// Two words of state, never ready. They are its waker, as a task that waits has given one to
/// somebody; one that nobody can wake is freed at once by some executors.
#[derive(Default)]
pub struct Parked {
    waker: Option<Waker>,
}

impl Future for Parked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
