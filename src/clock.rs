//! The one door to time: the choice of clock, and its tie to [`Instant`]. Nothing else in the crate
//! says `Instant::now`.
//!
//! Two things come out of it: an [`Instant`], which is what users give and get, and a number, by
//! which timers go. Timers count nanoseconds in a `u64`. [`Instant`] keeps seconds and nanoseconds
//! apart and checks every sum and difference; to create a timer, compare it and file it would cost
//! as much again as to read the clock. Here that arithmetic is one addition.
//!
//! On 64-bit Linux the number is that of `CLOCK_MONOTONIC`, which is also the clock of `Instant`,
//! read without the detour. Elsewhere it is the `Instant` minus the anchor.
//!
//! The anchor, taken once per process, ties the two: one `Instant`, and a number read just after
//! it. So an `Instant` becomes a number that is right or some dozen nanoseconds late, never early;
//! and `Instant` → number → `Instant` gives back the same.
//!
//! Rule \[K1\]: the kernel writes one timespec, into room of the caller's that outlives the call.
//!
//! Rejected: `Instant` throughout (80 instructions a timer, of some 150); rustix's `clock_gettime`
//! (it looks for the vDSO itself and crashes under valgrind, which hides it); the anchor taken once
//! per thread (deadlines could then not be compared from one thread to the next).

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The deadline that is never reached. It also stands for all times that the number cannot hold.
pub(crate) const NEVER: u64 = u64::MAX;

#[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64", not(wakeline_loom)))]
mod system {
    use std::time::Instant;

    use super::Anchor;

    /// The C library's timespec; both fields have 64 bits on every 64-bit target.
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }

    /// `CLOCK_MONOTONIC`, the same on every architecture.
    const MONOTONIC: i32 = 1;

    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }

    #[inline]
    pub(super) fn now() -> u64 {
        let mut now = Timespec { seconds: 0, nanoseconds: 0 };
        // SAFETY: [K1] the kernel writes one timespec — this one lives until the call returns,
        // and has the C library's layout — a smaller one would be written past.
        let result = unsafe { clock_gettime(MONOTONIC, &raw mut now) };
        debug_assert_eq!(result, 0, "every Linux has this clock");
        // Neither is ever negative, and the sum overflows after 584 years of uptime.
        (now.seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(now.nanoseconds as u64)
    }

    /// Of several tries, the one whose two readings lie closest together: the thread may be
    /// interrupted between them.
    pub(super) fn take_anchor() -> Anchor {
        let tries = (0..16).map(|_| {
            let before = now();
            let instant = Instant::now();
            let number = now();
            (number.saturating_sub(before), Anchor { instant, number })
        });
        tries.min_by_key(|&(gap, _)| gap).map(|(_, anchor)| anchor).expect("sixteen tries")
    }
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64", not(wakeline_loom))))]
mod system {
    use std::time::Instant;

    use super::{Anchor, number};

    pub(super) fn now() -> u64 {
        number(Instant::now())
    }

    /// With 36 years before it, so that an `Instant` that lies before the anchor has a number too.
    pub(super) fn take_anchor() -> Anchor {
        Anchor { instant: Instant::now(), number: 1 << 60 }
    }
}

/// The time now, as an `Instant`.
#[inline]
pub(crate) fn instant_now() -> Instant {
    Instant::now()
}

/// The time now, as a number.
#[inline]
pub(crate) fn now() -> u64 {
    system::now()
}

/// `base + duration`, or the latest time that the clock can express and no thread lives to see.
pub(crate) fn instant_after(base: Instant, duration: Duration) -> Instant {
    base.checked_add(duration).unwrap_or_else(|| {
        let halves = (0..u64::BITS).map(|shift| Duration::from_nanos(u64::MAX >> shift));
        halves.into_iter().find_map(|far| base.checked_add(far)).unwrap_or(base)
    })
}

/// `time + duration`, or never.
#[inline]
pub(crate) fn after(time: u64, duration: Duration) -> u64 {
    /// With this many seconds and any part of a further one, the sum still fits.
    const MOST: u64 = u64::MAX / 1_000_000_000 - 1;
    if duration.as_secs() > MOST {
        return NEVER;
    }
    time.saturating_add(duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos()))
}

/// How long it is from now until `time`; nothing when that has passed.
#[inline]
pub(crate) fn until(time: u64) -> Duration {
    Duration::from_nanos(time.saturating_sub(now()))
}

/// The number of an `Instant`. What lies before the number's zero is zero, what it cannot hold is
/// never.
pub(crate) fn number(instant: Instant) -> u64 {
    let anchor = anchor();
    match instant.checked_duration_since(anchor.instant) {
        Some(since) => after(anchor.number, since),
        None => u64::try_from((anchor.instant - instant).as_nanos()).map_or(0, |before| anchor.number.saturating_sub(before)),
    }
}

/// The `Instant` of a number; for what `Instant` cannot hold, the latest that it can, to within a
/// factor of two from now.
pub(crate) fn instant(number: u64) -> Instant {
    let anchor = anchor();
    if number < anchor.number {
        let before = Duration::from_nanos(anchor.number - number);
        return anchor.instant.checked_sub(before).unwrap_or(anchor.instant);
    }
    let since = number - anchor.number;
    let far = (0..u64::BITS).find_map(|half| anchor.instant.checked_add(Duration::from_nanos(since >> half)));
    far.unwrap_or(anchor.instant)
}

struct Anchor {
    instant: Instant,
    /// Of the same moment or a little later.
    number: u64,
}

fn anchor() -> &'static Anchor {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    ANCHOR.get_or_init(system::take_anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_its_number_again() {
        let now = Instant::now();
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 1 << 40, 1 << 60] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(instant(number(now + duration)), now + duration);
            assert_eq!(number(now + duration), after(number(now), duration));
        }
        let before = now.checked_sub(Duration::from_millis(5)).unwrap();
        assert_eq!(instant(number(before)), before);
    }

    // What the two clocks say in turn never goes back, so a deadline that has passed by the number
    // has passed by the `Instant`.
    #[test]
    fn a_number_is_never_early() {
        for _ in 0..1000 {
            let instant = Instant::now();
            let later = now();
            assert!(later >= number(instant) || number(instant) - later < 1_000_000, "the clocks are one");
            let passed = super::instant(later);
            assert!(passed <= Instant::now());
        }
    }

    // TM1
    #[test]
    fn what_the_number_cannot_hold_is_never_or_zero() {
        let now = Instant::now();
        assert_eq!(after(1, Duration::MAX), NEVER);
        assert_eq!(after(1, Duration::from_secs(18_446_744_072)), 18_446_744_072_000_000_001);
        assert_eq!(after(1, Duration::from_secs(18_446_744_073)), NEVER);
        assert_eq!(after(u64::MAX - 5, Duration::from_nanos(5)), NEVER);
        assert!(instant(NEVER) > now + Duration::from_secs(100 * 365 * 86_400));
        if let Some(far) = now.checked_add(Duration::from_secs(u64::MAX / 4)) {
            assert_eq!(number(far), NEVER);
        }
        if let Some(past) = now.checked_sub(Duration::from_secs(u64::MAX / 4)) {
            assert_eq!(number(past), 0);
        }
    }
}
