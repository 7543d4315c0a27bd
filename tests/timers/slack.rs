//! `timer_slack`: how long an executor sleeps for its timers, and what it makes of those in
//! between.

use super::*;

const SLACK: Duration = Duration::from_millis(20);
const APART: Duration = Duration::from_millis(5);

/// Waits for three timers that lie within the slack of the first one, in one task, which is polled
/// when the first of them fires. How many have passed then, and whether the slack has.
async fn wait_for_the_first_of_three() -> (usize, bool) {
    let mut timers: Vec<Sleep> = Vec::new();
    let mut first = Instant::now();
    poll_fn(|cx| {
        let passed = timers.iter_mut().map(|timer| usize::from(Pin::new(timer).poll(cx).is_ready())).sum();
        if passed > 0 {
            return Poll::Ready((passed, Instant::now() >= first + SLACK));
        }
        loop {
            first = Instant::now() + APART;
            timers = (0..3).map(|number| sleep_until(first + APART * number)).collect();
            // Again, should this thread have been kept from running for so long.
            if timers.iter_mut().all(|timer| Pin::new(timer).poll(cx).is_pending()) {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[test]
fn timers_within_the_slack_fire_in_one_wake() {
    let _watchdog = Watchdog::new();
    let executor = LocalExecutor::builder().timer_slack(SLACK).build();
    assert_eq!(executor.block_on(wait_for_the_first_of_three()), (3, true));
    // With descriptors to wait for the sleep is another one.
    let executor = LocalExecutor::builder().timer_slack(SLACK).try_build().unwrap();
    assert_eq!(executor.block_on(wait_for_the_first_of_three()), (3, true));
}

#[test]
fn the_cores_of_a_runtime_have_their_slack() {
    let _watchdog = Watchdog::new();
    let runtime = wakeline::Runtime::builder().cores(wakeline::Cores::exactly(1)).timer_slack(SLACK).build().unwrap();
    assert_eq!(runtime.run(|_| wait_for_the_first_of_three()), [(3, true)]);
}

#[test]
fn a_host_loop_may_sleep_until_the_slack_has_passed() {
    let deadline = Instant::now() + HOUR;
    for slack in [Duration::ZERO, Duration::from_nanos(1), SLACK, HOUR] {
        let executor = LocalExecutor::builder().timer_slack(slack).build();
        let _task = executor.spawn(sleep_until(deadline));
        executor.run_until_stalled();
        assert_eq!(executor.next_deadline(), Some(deadline + slack));
    }
}

#[test]
fn no_slack_is_too_long_and_none_makes_a_timer_fire_early() {
    let _watchdog = Watchdog::new();
    for slack in [Duration::ZERO, Duration::from_nanos(1), APART, Duration::MAX] {
        let executor = LocalExecutor::builder().timer_slack(slack).build();
        let start = Instant::now();
        let slept = executor.spawn(sleep(APART));
        executor.run_until_stalled();
        assert!(executor.next_deadline().unwrap() >= start + APART);
        while !slept.is_finished() {
            // The limit of a turn is the host's, and has no slack.
            executor.turn(Some(MS)).unwrap();
        }
        assert!(start.elapsed() >= APART);
    }
}
