//! Clocks that tick.

use super::*;

#[test]
fn an_interval_ticks_now_and_then_once_a_period() {
    block_on(async {
        let before = Instant::now();
        let mut clock = interval(2 * MS);
        let first = clock.tick().await;
        for number in 1..=4 {
            let due = clock.tick().await;
            assert_eq!(due, first + 2 * MS * number);
            assert!(Instant::now() >= due);
        }
        assert!(first >= before);
        assert_eq!(clock.period(), 2 * MS);
        let reset_at = Instant::now();
        clock.reset();
        assert!(clock.tick().await >= reset_at + 2 * MS);
    });
}

#[test]
fn an_interval_that_bursts_makes_up_for_every_missed_tick() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 10 * MS);
        assert_eq!(clock.missed_tick(), MissedTick::Burst);
        for number in 0..=5 {
            assert_eq!(clock.tick().await, start + 10 * MS * number);
        }
    });
}

#[test]
fn an_interval_that_delays_counts_from_the_tick_that_was_taken() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 5 * MS);
        clock.set_missed_tick(MissedTick::Delay);
        assert_eq!(clock.tick().await, start);
        let taken = Instant::now();
        let second = clock.tick().await;
        assert!(second >= start + 47 * MS + 5 * MS && second <= taken + 5 * MS);
    });
}

#[test]
fn an_interval_that_skips_goes_on_with_the_next_tick_ahead() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 10 * MS);
        clock.set_missed_tick(MissedTick::Skip);
        let before = Instant::now();
        assert_eq!(clock.tick().await, start);
        let after = Instant::now();
        let second = clock.tick().await;
        assert_eq!((second - start).as_nanos() % (10 * MS).as_nanos(), 0, "in rhythm");
        assert!(second > before && second <= after + 10 * MS, "the first one ahead");
    });
}

#[test]
fn an_interval_keeps_a_tick_that_was_not_taken() {
    block_on(async {
        let mut clock = interval(LATER);
        let first = clock.tick().await;
        assert!(timeout(Duration::ZERO, clock.tick()).await.is_err());
        assert_eq!(clock.tick().await, first + LATER);
    });
}

#[test]
fn an_interval_without_a_period_is_refused() {
    let panic = catch_unwind(|| interval(Duration::ZERO)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("period must not be zero"), "{text}");
}

#[test]
fn an_interval_is_a_stream_that_never_ends() {
    use futures_core::stream::{FusedStream, Stream};

    block_on(async {
        let start = Instant::now() - 10 * MS;
        let mut clock = interval_at(start, MS);
        assert!(!clock.is_terminated());
        assert_eq!(clock.size_hint(), (usize::MAX, None));
        for number in 0..5 {
            assert_eq!(futures_lite::StreamExt::next(&mut clock).await, Some(start + MS * number));
        }
        assert!(!clock.is_terminated());
    });
}

// tokio's meanings: the period from now, a time from now, a certain time; then one period after the
// other.
#[test]
fn an_interval_that_is_reset_ticks_when_it_was_told_and_keeps_its_period() {
    block_on(async {
        for missed in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
            // Ten missed ones, which are forgotten.
            let mut clock = interval_at(Instant::now() - 10 * HOUR, HOUR);
            clock.set_missed_tick(missed);
            clock.reset_after(MS);
            let latest = Instant::now() + MS;
            let tick = clock.tick().await;
            assert!(tick <= latest && Instant::now() >= tick);
            clock.reset_at(tick + 2 * MS);
            assert_eq!(clock.tick().await, tick + 2 * MS);
            let past = Instant::now() - MS;
            clock.reset_at(past);
            assert_eq!(clock.tick().await, past, "at once");
            clock.reset_immediately();
            assert!(clock.tick().await <= Instant::now());
            clock.reset();
            assert!(poll_once(&mut Box::pin(clock.tick()), Waker::noop()).is_pending(), "not before an hour has passed");
            clock.reset_after(Duration::ZERO);
            clock.tick().await;
            assert!(poll_once(&mut Box::pin(clock.tick()), Waker::noop()).is_pending(), "the period is the same");
            clock.reset_after(Duration::MAX);
            assert!(poll_once(&mut Box::pin(clock.tick()), Waker::noop()).is_pending());
        }
    });
}

#[test]
fn an_interval_that_is_polled_without_a_turn_in_between_ticks_by_the_clock() {
    let _dog = Watchdog::new();
    block_on(async {
        let mut clock = interval(MS);
        let first = clock.tick().await;
        for number in 1..=3 {
            let tick = loop {
                if let Some(tick) = futures_lite::future::poll_once(clock.tick()).await {
                    break tick;
                }
            };
            assert_eq!(tick, first + MS * number);
        }
    });
}
