//! The futures that every peer polls — own a counter at most — must never ask an executor for
//! anything but a wake.

use std::pin::Pin;
use std::task::{Context, Poll};

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

/// Two words of state, never ready.
pub struct Parked {
    polls: u64,
    _number: u64,
}

impl Parked {
    /// The state is anything that is not the same for all.
    pub fn new(number: u64) -> Self {
        Self { polls: 0, _number: number }
    }
}

impl Future for Parked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        Poll::Pending
    }
}
