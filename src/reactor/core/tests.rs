//! What needs the inside: keys and stale events, turns, the two kinds of sleep, wakers that panic.
//! Behaviour seen from outside is tested in `tests/`.

use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::clock;
use crate::inbox::Notify;
use crate::reactor::readiness::Report;
use crate::reactor::{Kind, Side, Sides, Source, descriptor, wake_all};

/// Until something happens.
const FOREVER: Wait = Wait::Until { limit: None, slack: 0 };

struct CountedWakes(AtomicUsize);

impl Wake for CountedWakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (std::sync::Arc<CountedWakes>, Waker) {
    let count = std::sync::Arc::new(CountedWakes(AtomicUsize::new(0)));
    (count.clone(), count.into())
}

fn woken(count: &CountedWakes) -> usize {
    count.0.load(Ordering::Relaxed)
}

struct Panics;

impl Wake for Panics {
    fn wake(self: std::sync::Arc<Self>) {
        panic!("this waker panics");
    }
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

const KIND: Kind = Kind { sides: Sides::BOTH, read: "a read", write: "a write" };

fn source(reactor: &Rc<Reactor>, stream: &TcpStream) -> Source {
    Source::new(reactor.clone(), descriptor::borrow(stream), &KIND).unwrap()
}

/// Says that the last call would have blocked and waits for the next edge.
fn park(source: &Source, side: Side, waker: &Waker) {
    loop {
        while let Some(edge) = source.ready(side) {
            source.drained(side, edge);
        }
        if source.park(&mut Context::from_waker(waker), side).is_pending() {
            return;
        }
    }
}

fn is_ready(source: &Source, side: Side) -> bool {
    source.ready(side).is_some()
}

/// Turns until the waker has been woken; the kernel may need more than one look.
fn turn_until_woken(reactor: &Reactor, count: &CountedWakes) {
    while woken(count) == 0 {
        reactor.turn(FOREVER).unwrap();
    }
}

#[test]
fn a_reactor_opens_nothing_before_something_has_to_wait() {
    let reactor = Rc::new(Reactor::new());
    reactor.turn(Wait::Look).unwrap();
    let (near, _far) = pair();
    let source = source(&reactor, &near);
    assert!(is_ready(&source, Side::Read), "a new source is tried first");
    assert!(reactor.driver.get().is_none());
    assert!(reactor.is_idle());
    park(&source, Side::Read, Waker::noop());
    assert!(reactor.driver.get().is_some());
    assert!(!reactor.is_idle());
    drop(source);
    assert!(reactor.is_idle());
}

#[test]
fn data_wakes_the_reader_and_not_the_writer() {
    // RD3, RD4: the writer waits for room, which data that comes in does not make.
    use std::io::Write;
    let reactor = Rc::new(Reactor::new());
    let (near, mut far) = pair();
    let source = source(&reactor, &near);
    while (&near).write(&[0; 65536]).is_ok() {}
    let (reader, read_waker) = counter();
    let (writer, write_waker) = counter();
    park(&source, Side::Write, &write_waker);
    park(&source, Side::Read, &read_waker);
    far.write_all(b"x").unwrap();
    turn_until_woken(&reactor, &reader);
    assert_eq!(woken(&writer), 0);
    assert!(is_ready(&source, Side::Read) && !is_ready(&source, Side::Write));
}

#[test]
fn a_late_event_for_a_source_that_has_gone_is_dropped() {
    // RE1, RE2: the place in the table is used again at once, the key is not.
    let reactor = Rc::new(Reactor::new());
    let (near, _far) = pair();
    let first = source(&reactor, &near);
    park(&first, Side::Read, Waker::noop());
    let stale = reactor.table.entries.borrow()[0].key();
    drop(first);
    let second = source(&reactor, &near);
    let (reader, waker) = counter();
    park(&second, Side::Read, &waker);
    let fresh = reactor.table.entries.borrow()[0].key();
    assert_eq!(stale.slot(), fresh.slot());
    let report = Report { sides: Sides { read: true, write: true }, ends: true };
    let mut collected = Vec::new();
    reactor.table.record(reactor.driver.get().unwrap(), stale, report, &mut collected);
    assert!(collected.is_empty());
    reactor.table.record(reactor.driver.get().unwrap(), fresh, report, &mut collected);
    assert_eq!(collected.len(), 1);
    wake_all(&mut collected);
    assert_eq!(woken(&reader), 1);
}

#[test]
fn after_a_peak_of_sources_the_room_comes_back_and_each_key_finds_its_source() {
    use std::io::Write as _;
    let reactor = Rc::new(Reactor::new());
    let room = || reactor.table.entries.borrow().capacity();
    let mut kept: Vec<(TcpStream, TcpStream, Source)> = Vec::new();
    // Twice: what was moved once may move again, and new ones come in between.
    for round in 0..2 {
        let register = |count: usize| -> Vec<_> {
            let registered = (0..count).map(|_| {
                let (near, far) = pair();
                let source = source(&reactor, &near);
                park(&source, Side::Read, Waker::noop());
                (near, far, source)
            });
            registered.collect()
        };
        // Some come late and lie in front.
        let early = register(10);
        let mut peak = register(150);
        drop(early);
        peak.extend(register(10));
        assert!(room() >= 150);
        let (stays, goes): (Vec<_>, Vec<_>) = peak.into_iter().enumerate().partition(|(number, _)| number % 50 == 7 + round);
        drop(goes);
        kept.extend(stays.into_iter().map(|(_, stays)| stays));
        kept.swap_remove(1);
        assert!(room() <= 2 * kept.len() + 64, "room for {}, {} sources", room(), kept.len());
        for (_, far, source) in &mut kept {
            let (reader, waker) = counter();
            park(source, Side::Read, &waker);
            far.write_all(b"x").unwrap();
            turn_until_woken(&reactor, &reader);
            assert!(is_ready(source, Side::Read));
        }
    }
    drop(kept);
    assert_eq!(reactor.table.entries.borrow().len(), 0);
}

#[test]
fn a_turn_with_a_panicking_waker_wakes_the_others_first() {
    // JC8
    use std::io::Write;
    let reactor = Rc::new(Reactor::new());
    let (near, mut far) = pair();
    let source = source(&reactor, &near);
    let (before, before_waker) = counter();
    let (after, after_waker) = counter();
    let panics = Waker::from(std::sync::Arc::new(Panics));
    let panics_too = Waker::from(std::sync::Arc::new(Panics));
    for waker in [&before_waker, &panics, &panics_too, &after_waker] {
        park(&source, Side::Read, waker);
    }
    far.write_all(b"x").unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| turn_until_woken(&reactor, &after)));
    assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"this waker panics"));
    assert_eq!((woken(&before), woken(&after)), (1, 1));
    reactor.turn(Wait::Look).unwrap();
}

#[test]
fn a_waker_may_come_back_to_the_reactor() {
    // CH8: the waker's code drops a source, adds one and runs a turn of its own.
    use std::io::Write;

    struct ComesBack;
    thread_local!(static SEEN: Cell<Option<(Rc<Reactor>, Source)>> = const { Cell::new(None) });
    impl Wake for ComesBack {
        fn wake(self: std::sync::Arc<Self>) {
            let (reactor, source) = SEEN.take().unwrap();
            drop(source);
            let (near, _far) = pair();
            let another = super::tests::source(&reactor, &near);
            park(&another, Side::Read, Waker::noop());
            reactor.turn(Wait::Look).unwrap();
        }
    }

    let reactor = Rc::new(Reactor::new());
    let (near, mut far) = pair();
    let source = source(&reactor, &near);
    park(&source, Side::Read, &std::sync::Arc::new(ComesBack).into());
    SEEN.set(Some((reactor.clone(), source)));
    far.write_all(b"x").unwrap();
    while !reactor.is_idle() {
        reactor.turn(FOREVER).unwrap();
    }
    assert!(SEEN.take().is_none());
}

#[test]
fn dropping_a_source_wakes_who_waits_for_it() {
    let reactor = Rc::new(Reactor::new());
    let (near, _far) = pair();
    let source = source(&reactor, &near);
    let (reader, waker) = counter();
    park(&source, Side::Read, &waker);
    drop(source);
    assert_eq!(woken(&reader), 1);
}

#[test]
fn a_notification_ends_the_sleep_on_the_parker_whenever_it_comes() {
    // SN14: also when a look came in between.
    let reactor = Reactor::new();
    reactor.notifier().notify();
    reactor.turn(Wait::Look).unwrap();
    reactor.turn(FOREVER).unwrap();
    let notifier = reactor.notifier().clone();
    let other = thread::spawn(move || notifier.notify());
    reactor.turn(FOREVER).unwrap();
    other.join().unwrap();
    assert_eq!(reactor.metrics().notifications, 2);
    assert!(reactor.driver.get().is_none());
}

#[test]
fn a_notification_ends_the_sleep_in_the_kernel_every_time() {
    let reactor = Reactor::new();
    reactor.open().unwrap();
    for _ in 0..100 {
        let notifier = reactor.notifier().clone();
        let other = thread::spawn(move || notifier.notify());
        reactor.turn(FOREVER).unwrap();
        other.join().unwrap();
    }
    assert_eq!(reactor.metrics().notifications, 100);
}

#[test]
fn a_sleep_ends_at_its_limit_and_not_before() {
    for open in [false, true] {
        let reactor = Reactor::new();
        if open {
            reactor.open().unwrap();
        }
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(300), Duration::from_millis(2)] {
            let limit = Instant::now() + limit;
            while Instant::now() < limit {
                reactor.turn(Wait::Until { limit: Some(clock::number(limit)), slack: 0 }).unwrap();
            }
        }
        // TM12: a wait that rounds down ends early and is repeated; none of the four needs more
        // than two turns.
        assert!(reactor.metrics().turns <= 8, "{:?}", reactor.metrics());
    }
}

#[test]
fn a_sleep_is_for_the_first_deadline_and_the_slack() {
    let reactor = Reactor::new();
    let (second, first) = (reactor.timers().add(9_000, Waker::noop()), reactor.timers().add(7_000, Waker::noop()));
    let limit = |limit, slack| reactor.limit(Wait::Until { limit, slack });
    assert_eq!(limit(None, 0), Limit::At(7_000));
    assert_eq!(limit(None, 250), Limit::At(7_250));
    assert_eq!(limit(None, 5_000), Limit::At(12_000));
    assert_eq!(limit(None, u64::MAX), Limit::At(u64::MAX));
    // What the caller allows has no slack.
    assert_eq!(limit(Some(7_100), 250), Limit::At(7_100));
    assert_eq!(limit(Some(7_300), 250), Limit::At(7_250));
    assert_eq!(reactor.limit(Wait::Look), Limit::Now);
    [first, second].into_iter().for_each(|key| reactor.timers().remove(key));
    assert_eq!(limit(None, 250), Limit::Never);
}

#[test]
fn a_due_timer_is_woken_by_a_look_and_by_a_wait() {
    let reactor = Reactor::new();
    for wait in [Wait::Look, FOREVER] {
        let (count, waker) = counter();
        let key = reactor.timers().add(clock::now(), &waker);
        reactor.turn(wait).unwrap();
        assert_eq!(woken(&count), 1);
        reactor.timers().remove(key);
    }
}
