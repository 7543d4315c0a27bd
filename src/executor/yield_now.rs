//! Giving others a turn.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::current;
use crate::task::polled_after_completion;

/// Lets others run: every other ready task, the inbox, sockets and timers get their turn before the
/// caller goes on.
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
    YieldNow { stage: YieldStep::New }
}

/// The future of [`yield_now`]. It yields once: polling it after it has returned panics.
#[derive(Debug)]
#[must_use = "futures do nothing until they are awaited"]
pub struct YieldNow {
    stage: YieldStep,
}

#[derive(Clone, Copy, Debug)]
enum YieldStep {
    New,
    Yielded,
    Over,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            YieldStep::New => {
                self.stage = YieldStep::Yielded;
                current::request_look();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            YieldStep::Yielded => {
                self.stage = YieldStep::Over;
                Poll::Ready(())
            }
            YieldStep::Over => polled_after_completion("YieldNow"),
        }
    }
}
