//! Limits on other futures.

use super::*;

#[test]
fn a_timeout_gives_the_value_or_the_error() {
    block_on(async {
        assert_eq!(timeout(HOUR, async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
        let start = Instant::now();
        assert!(timeout(2 * MS, pending::<()>()).await.is_err());
        assert!(start.elapsed() >= 2 * MS);
        assert!(timeout_at(start, pending::<()>()).await.is_err());
        assert!(timeout(HOUR, timeout(MS, pending::<()>())).await.unwrap().is_err());
        assert!(timeout(MS, timeout(HOUR, pending::<()>())).await.is_err());
    });
}

#[test]
fn a_timeout_of_zero_polls_its_future_once() {
    block_on(async {
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        let polls = Cell::new(0);
        let counted = poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, counted).await.is_err());
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_value_that_comes_late_is_still_given() {
    block_on(async {
        let deadline = Instant::now() + MS;
        let late = async {
            hold_until(deadline + MS);
            7
        };
        assert_eq!(timeout_at(deadline, late).await, Ok(7));
    });
}

#[test]
fn a_future_that_wakes_itself_for_ever_meets_its_limit() {
    let polls = Cell::new(0u64);
    block_on(async {
        let restless = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(timeout(2 * MS, restless).await.is_err());
    });
    assert!(polls.get() > 1);
}

// The limit's own clock: between two turns, in which alone the wheel learns the time, a pending
// poll past the deadline ends the wait.
#[test]
fn a_limit_is_seen_in_the_first_pending_poll_after_the_deadline() {
    block_on(async {
        let mut limited = pin!(timeout(MS, pending::<()>()));
        let deadline = limited.deadline();
        poll_fn(|cx| {
            assert!(limited.as_mut().poll(cx).is_pending());
            hold_until(deadline);
            assert!(limited.as_mut().poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
    });
}

// The budget makes the inner loop pending, and the limit must not ask that same budget.
#[test]
fn a_loop_over_operations_that_are_always_ready_meets_its_limit() {
    block_on(async {
        let rounds = Cell::new(0u64);
        let busy = async {
            loop {
                sleep(Duration::ZERO).await;
                rounds.set(rounds.get() + 1);
            }
        };
        let limited: Result<(), Elapsed> = timeout(2 * MS, busy).await;
        assert!(limited.is_err());
        assert!(rounds.get() > 1);
    });
}

// RQ12 for timers: neither timers nor limits that are over at once can hold the thread.
#[test]
fn timers_that_are_over_at_once_let_other_tasks_run() {
    block_on(async {
        let stop = Rc::new(Cell::new(false));
        let stopper = stop.clone();
        let task = spawn(async move { stopper.set(true) });
        while !stop.get() {
            let _ = timeout(Duration::ZERO, pending::<()>()).await;
        }
        task.await.unwrap();
        let stopper = stop.clone();
        stop.set(false);
        let task = spawn(async move { stopper.set(true) });
        let mut clock = interval_at(Instant::now() - Duration::from_millis(500), Duration::from_nanos(1));
        while !stop.get() {
            clock.tick().await;
        }
        task.await.unwrap();
    });
}

#[test]
fn an_elapsed_limit_becomes_an_io_error() {
    async fn limited() -> io::Result<()> {
        timeout(MS, pending::<()>()).await?;
        Ok(())
    }
    let error = block_on(limited()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("deadline"), "{error}");
}

#[test]
fn what_has_ended_is_either_fused_or_says_that_it_was_polled_again() {
    use futures_core::future::FusedFuture;

    use crate::support::panic_text;

    let again =
        |future: &mut (dyn Future<Output = ()> + Unpin)| panic_text(|| assert!(poll_once(future, Waker::noop()).is_pending()));
    block_on(async {
        let mut slept = sleep(MS);
        assert!(!slept.is_terminated());
        (&mut slept).await;
        assert!(slept.is_terminated());
        (&mut slept).await;
        slept.reset(Instant::now());
        assert!(!slept.is_terminated());
        for limit in [Duration::ZERO, HOUR] {
            let inner: Pin<Box<dyn Future<Output = ()>>> = if limit.is_zero() { Box::pin(pending()) } else { Box::pin(async {}) };
            let mut limited = Box::pin(timeout(limit, inner));
            let _ = limited.as_mut().await;
            let text = panic_text(|| assert!(limited.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()));
            assert_eq!(text, "`Timeout` polled after completion");
        }
        let mut yielded = yield_now();
        (&mut yielded).await;
        assert_eq!(again(&mut yielded), "`YieldNow` polled after completion");
        let mut consumed = wakeline::task::consume_budget();
        (&mut consumed).await;
        assert_eq!(again(&mut consumed), "`ConsumeBudget` polled after completion");
        let mut fused = wakeline::task::unconstrained(sleep(MS));
        assert!(!fused.is_terminated());
        (&mut fused).await;
        assert!(fused.is_terminated());
    });
}
