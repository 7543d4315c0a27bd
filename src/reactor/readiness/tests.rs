use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (count.clone(), count.into())
}

fn woken(count: &Count) -> usize {
    count.0.load(Ordering::Relaxed)
}

fn report(read: bool, write: bool) -> Report {
    Report { sides: Sides { read, write }, ends: false }
}

fn wake(readiness: &Readiness, report: Report) {
    let mut woken = Vec::new();
    readiness.record(report, &mut woken);
    woken.into_iter().for_each(LocalWaker::wake);
}

#[test]
fn an_old_note_does_not_clear_a_newer_edge() {
    // RD1, RD2, RD5: whatever number of edges lies between, also one that fills every narrower
    // counter.
    for between in [1, 255, 256, 1 << 15, 1 << 16] {
        let readiness = Readiness::new();
        let note = readiness.ready(Side::Read).expect("a new side is taken to be ready");
        for _ in 0..between {
            wake(&readiness, report(true, false));
        }
        readiness.drain(Side::Read, note);
        assert!(readiness.ready(Side::Read).is_some(), "lost after {between} edges");
    }
}

#[test]
fn a_note_from_before_a_drain_takes_nothing_back() {
    let readiness = Readiness::new();
    let old = readiness.ready(Side::Read).unwrap();
    wake(&readiness, report(true, false));
    let new = readiness.ready(Side::Read).unwrap();
    readiness.drain(Side::Read, new);
    readiness.drain(Side::Read, old);
    assert_eq!(readiness.ready(Side::Read), None);
}

#[test]
fn write_edges_leave_a_read_note_valid() {
    // RD3: the note of one side counts only that side's edges.
    let readiness = Readiness::new();
    let note = readiness.ready(Side::Read).unwrap();
    for _ in 0..1000 {
        wake(&readiness, report(false, true));
    }
    readiness.drain(Side::Read, note);
    assert_eq!(readiness.ready(Side::Read), None);
}

#[test]
fn draining_one_side_leaves_the_other_ready() {
    // RD4
    let readiness = Readiness::new();
    wake(&readiness, report(true, true));
    readiness.drain(Side::Read, readiness.ready(Side::Read).unwrap());
    assert!(readiness.ready(Side::Write).is_some());
}

#[test]
fn an_edge_of_one_side_wakes_only_its_waiters() {
    // RD3, RD4
    let readiness = Readiness::new();
    let (reader, read_waker) = counter();
    let (writer, write_waker) = counter();
    readiness.wait(Side::Read, &read_waker);
    readiness.wait(Side::Write, &write_waker);
    wake(&readiness, report(true, false));
    assert_eq!((woken(&reader), woken(&writer)), (1, 0));
    wake(&readiness, report(false, true));
    assert_eq!((woken(&reader), woken(&writer)), (1, 1));
}

#[test]
fn a_short_transfer_drains_only_until_an_end_was_seen() {
    // RD10: data and the end may have come in one event, and then no further edge will.
    let readiness = Readiness::new();
    readiness.drain_if_endless(Side::Read, readiness.ready(Side::Read).unwrap());
    assert_eq!(readiness.ready(Side::Read), None);
    wake(&readiness, Report { sides: Sides { read: true, write: false }, ends: true });
    readiness.drain_if_endless(Side::Read, readiness.ready(Side::Read).unwrap());
    assert!(readiness.ready(Side::Read).is_some());
}

#[test]
fn what_is_always_ready_takes_back_what_was_noted_of_that_side() {
    let readiness = Readiness::new();
    for side in [Side::Read, Side::Write] {
        readiness.drain(side, readiness.ready(side).unwrap());
    }
    let edge = readiness.force_ready(Side::Read);
    assert_eq!(readiness.ready(Side::Read), Some(edge));
    assert_eq!(readiness.ready(Side::Write), None);
}

#[test]
fn an_edge_is_seen_whether_or_not_it_was_drained_and_by_its_own_side() {
    let readiness = Readiness::new();
    let before = readiness.seen(Side::Read);
    readiness.drain(Side::Read, before);
    assert_eq!(readiness.seen(Side::Read), before);
    wake(&readiness, report(false, true));
    assert_eq!(readiness.seen(Side::Read), before);
    wake(&readiness, report(true, false));
    assert_ne!(readiness.seen(Side::Read), before);
    assert_eq!(readiness.ready(Side::Read), Some(readiness.seen(Side::Read)));
}

#[test]
fn the_sides_that_somebody_waits_for_are_wanted_and_all_who_wait_can_be_taken() {
    let readiness = Readiness::new();
    let (reader, read_waker) = counter();
    let (writer, write_waker) = counter();
    assert!(readiness.wanted().is_empty());
    readiness.wait(Side::Write, &write_waker);
    assert_eq!(readiness.wanted(), Sides { read: false, write: true });
    readiness.wait(Side::Read, &read_waker);
    assert_eq!(readiness.wanted(), Sides::BOTH);
    let mut taken = Vec::new();
    readiness.take_waiters(&mut taken);
    assert!(readiness.wanted().is_empty());
    taken.into_iter().for_each(LocalWaker::wake);
    assert_eq!((woken(&reader), woken(&writer)), (1, 1));
    readiness.wait(Side::Read, &read_waker);
    assert_eq!(readiness.wanted(), Sides::READ);
}

#[test]
fn a_set_of_sides_contains_its_parts() {
    let sets = [false, true].map(|read| [false, true].map(|write| Sides { read, write }));
    for (whole, part) in sets.iter().flatten().flat_map(|whole| sets.iter().flatten().map(move |part| (*whole, *part))) {
        let union = Sides { read: whole.read | part.read, write: whole.write | part.write };
        assert_eq!(whole.contains(part), union == whole, "{whole:?} {part:?}");
    }
}

#[test]
fn every_task_that_waits_is_woken_once() {
    // RD7: several tasks on one side; RC18: the same task a hundred times takes one place.
    let readiness = Readiness::new();
    let tasks: Vec<_> = (0..5).map(|_| counter()).collect();
    for _ in 0..100 {
        for (_, waker) in &tasks {
            readiness.wait(Side::Read, waker);
        }
    }
    let mut woken_now = Vec::new();
    readiness.record(report(true, false), &mut woken_now);
    assert_eq!(woken_now.len(), tasks.len());
    woken_now.into_iter().for_each(LocalWaker::wake);
    assert!(tasks.iter().all(|(count, _)| woken(count) == 1));
    wake(&readiness, report(true, false));
    assert!(tasks.iter().all(|(count, _)| woken(count) == 1), "a second edge finds nobody");
}

#[test]
fn a_waiter_that_must_make_room_is_woken_and_not_lost() {
    let readiness = Readiness::new();
    let tasks: Vec<_> = (0..MOST_WAITERS + 3).map(|_| counter()).collect();
    for (_, waker) in &tasks {
        readiness.wait(Side::Write, waker);
    }
    let early: Vec<_> = tasks.iter().map(|(count, _)| woken(count)).collect();
    assert_eq!(&early[..4], [1, 1, 1, 0], "the three oldest made room");
    wake(&readiness, report(false, true));
    assert!(tasks.iter().all(|(count, _)| woken(count) == 1));
}
