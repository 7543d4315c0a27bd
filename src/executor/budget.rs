//! Two ways of dealing with the budget of a poll: take part in it, or do without. A future that did
//! without leaves the poll the budget that it had before.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::future::FusedFuture;
use pin_project_lite::pin_project;

use super::context::{poll_budget, spend_budget};
use crate::task::current;
use crate::task::polled_after_completion;

/// Spends one unit of the running poll's budget, and yields when there is none left.
///
/// Sockets, channels, timers and handles of this crate do so by themselves. A loop that computes,
/// or works with futures of other crates that are always ready, can take part with this call: it
/// costs a few nanoseconds, and one in 128 lets others run.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// let mut sum = 0_u64;
/// for number in 0..10_000 {
///     sum += number;
///     wakeline::task::consume_budget().await;
/// }
/// assert_eq!(sum, 49_995_000);
/// # });
/// ```
///
/// # Cancel safety
///
/// Dropping the future does nothing; only its return has spent something.
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget { is_over: false }
}

/// The future of [`consume_budget`]. Polling it after it has returned panics.
#[derive(Debug)]
#[must_use = "futures do nothing until they are awaited"]
pub struct ConsumeBudget {
    is_over: bool,
}

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            polled_after_completion("ConsumeBudget");
        }
        ready!(poll_budget(cx));
        spend_budget();
        self.is_over = true;
        Poll::Ready(())
    }
}

/// Runs a future without the budget: what is ready in it stays ready, however often in one poll.
///
/// It is for futures of other crates that are upset when something that is ready says that it is
/// not, and for those that yield by themselves. One that never does, over a channel or socket that
/// is always ready, keeps its thread.
///
/// The budget of whatever polls it is the same before and after.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// let (sender, receiver) = wakeline::local::unbounded();
/// (0..1000).for_each(|number| sender.try_send(number).unwrap());
/// // All of them in one poll, where 128 would be the end.
/// let all = async {
///     for number in 0..1000 {
///         assert_eq!(receiver.recv().await, Ok(number));
///     }
/// };
/// assert!(futures_lite::future::poll_once(wakeline::task::unconstrained(all)).await.is_some());
/// # });
/// ```
///
/// # Cancel safety
///
/// As safe as the inner future: dropping this one drops that one.
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// A future that runs without the budget; made by [`unconstrained`].
    ///
    /// Polled after its end it does what the inner future does then.
    #[derive(Debug)]
    #[must_use = "futures do nothing until they are awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _lifted = current::Lifted::new();
        self.project().future.poll(cx)
    }
}

impl<F: FusedFuture> FusedFuture for Unconstrained<F> {
    fn is_terminated(&self) -> bool {
        self.future.is_terminated()
    }
}
