//! The inbox: no push is lost, whatever the owner is doing (L1 to L6, L8).
//!
//! The owner of these models takes its steps one by one and sleeps on a latch; the tasks, their
//! remote words and the inbox are the real ones. What every model tells:
//!
//! 1. A pusher wins QUEUED, writes the task's link and exchanges the head for the task.
//! 2. It found EMPTY or a task: the owner is awake or will not fall asleep, since `arm` exchanges
//!    EMPTY for ASLEEP and fails otherwise.
//! 3. It found ASLEEP: it notifies, whether or not the owner has begun to wait. The
//!    notification is kept.
//! 4. It found CLOSED: it links nothing and takes its bit back.
//!
//! The rule: asleep, empty and closed are values of the one word that pushers exchange, so "is
//! there work" and "who has to notify" have one answer. Its bugs elsewhere: SN1, SN2, SN14, SN20.

#![cfg(wakeline_loom)]

use loom::cell::UnsafeCell;
use loom::thread;
use wakeline::model::{Notify, Owner};
use wakeline_loom_tests::{Bound, Latch, model};

/// Sleeps once if nothing is there, and takes what is.
fn sleep_and_take(owner: &Owner<Latch>) -> Vec<usize> {
    if owner.arm() {
        owner.notifier().wait();
    }
    owner.take_all().collect()
}

/// L1.
///
/// 1. The owner arms or finds the task.
/// 2. The pusher pushes before, between or after.
/// 3. The owner ends awake, with the task.
#[test]
fn a_push_ends_the_sleep_or_prevents_it() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        let pusher = thread::spawn(move || waker.wake());
        let mut taken = Vec::new();
        while taken.is_empty() {
            taken = sleep_and_take(&owner);
        }
        assert_eq!(taken, [node.id()]);
        pusher.join().unwrap();
    });
}

/// L2: two pushers, one sleep.
///
/// 1. The first push replaces ASLEEP and notifies.
/// 2. The second finds a task and does not. Both are taken.
#[test]
fn of_two_pushers_one_notifies() {
    model(Bound::Three, || {
        let owner = Owner::new(Latch::new());
        let nodes = [owner.node(), owner.node()];
        let pushers = nodes.each_ref().map(|node| {
            let waker = node.waker();
            thread::spawn(move || waker.wake())
        });
        let (mut taken, mut sleeps) = (Vec::new(), 0);
        while taken.len() < 2 {
            if owner.arm() {
                sleeps += 1;
                owner.notifier().wait();
            }
            taken.extend(owner.take_all());
        }
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert_eq!(owner.notifier().notifications(), sleeps, "one notification for each sleep");
        taken.sort_unstable();
        let mut expected = nodes.each_ref().map(|node| node.id());
        expected.sort_unstable();
        assert_eq!(taken, expected);
    });
}

/// L3.
///
/// 1. The owner is armed.
/// 2. Something else than a push wakes it.
/// 3. It takes, which ends ASLEEP, while the push comes before that (and is taken, and its
///    notification comes late) or after (and notifies nobody).
/// 4. A late notification costs one turn.
#[test]
fn a_push_is_seen_when_something_else_ends_the_sleep() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        owner.notifier().disturb();
        let pusher = thread::spawn(move || waker.wake());
        let mut taken = Vec::new();
        while taken.is_empty() {
            taken = sleep_and_take(&owner);
        }
        assert_eq!(taken, [node.id()]);
        pusher.join().unwrap();
        let stale = usize::from(owner.notifier().look());
        assert!(stale <= 1 && owner.notifier().notifications() <= 1);
    });
}

/// L4.
///
/// 1. Two pushers push two tasks each.
/// 2. The owner takes in between.
/// 3. Each task comes out once, and each pusher's in its order.
#[test]
fn each_pusher_is_served_in_its_order() {
    model(Bound::Three, || {
        let owner = Owner::new(Latch::new());
        let nodes = [[owner.node(), owner.node()], [owner.node(), owner.node()]];
        let pushers = nodes.each_ref().map(|pair| {
            let [first, second] = pair.each_ref().map(|node| node.waker());
            thread::spawn(move || {
                first.wake();
                second.wake();
            })
        });
        let mut taken: Vec<usize> = owner.take_all().collect();
        for pusher in pushers {
            pusher.join().unwrap();
        }
        taken.extend(owner.take_all());
        assert_eq!(taken.len(), 4);
        for pair in &nodes {
            let place = |id| taken.iter().position(|&taken| taken == id).expect("each task comes out");
            assert!(place(pair[0].id()) < place(pair[1].id()));
        }
    });
}

/// L4, one task.
///
/// 1. The owner unlinks a task and reads nothing of it any more.
/// 2. The next pusher of the same task writes the link again. The link is read before the unlink
///    (Release), the new writer comes after its own exchange (Acquire): no race on the link.
#[test]
fn a_task_can_be_pushed_again_once_it_is_unlinked() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let (node, other) = (owner.node(), owner.node());
        let (waker, again) = (node.waker(), other.waker());
        let pusher = thread::spawn(move || {
            waker.wake_by_ref();
            again.wake();
            waker.wake();
        });
        let mut taken: Vec<usize> = owner.take_all().collect();
        taken.extend(owner.take_all());
        pusher.join().unwrap();
        taken.extend(owner.take_all());
        let times = |id| taken.iter().filter(|&&taken| taken == id).count();
        assert_eq!(times(other.id()), 1);
        assert!((1..=2).contains(&times(node.id())));
    });
}

/// L5.
///
/// 1. The owner has armed.
/// 2. The pusher notifies before the owner waits.
/// 3. The wait returns at once.
#[test]
fn a_notification_before_the_wait_is_kept() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        assert!(owner.arm());
        let pusher = thread::spawn(move || waker.wake());
        owner.notifier().wait();
        assert_eq!(owner.take_all().collect::<Vec<_>>(), [node.id()]);
        pusher.join().unwrap();
        assert_eq!(owner.notifier().notifications(), 1);
    });
}

/// L6 (SN14).
///
/// 1. The owner arms, but looks with a limit of zero, which may take a notification.
/// 2. Whatever the look said, it takes what was pushed, and only then sleeps for real. So a
///    notification that a look has eaten was about a task that is in hand.
#[test]
fn a_look_that_takes_the_notification_loses_nothing() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        let pusher = thread::spawn(move || waker.wake());
        if owner.arm() {
            owner.notifier().look();
        }
        let mut taken: Vec<usize> = owner.take_all().collect();
        while taken.is_empty() {
            taken = sleep_and_take(&owner);
        }
        assert_eq!(taken, [node.id()]);
        pusher.join().unwrap();
    });
}

/// L8.
///
/// 1. Two pushers, one task each.
/// 2. The owner closes.
/// 3. Each was taken by the close or refused; a refused one has its bit back, or its memory would
///    never be freed, and loom would count it as leaked.
#[test]
fn a_push_is_taken_or_refused_by_the_close() {
    model(Bound::Three, || {
        let owner = Owner::new(Latch::new());
        let nodes = [owner.node(), owner.node()];
        let pushers = nodes.each_ref().map(|node| {
            let waker = node.waker();
            thread::spawn(move || waker.wake())
        });
        let taken = owner.close().count();
        assert!(taken <= 2);
        drop(nodes);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert!(!owner.arm(), "closed is final");
    });
}

/// L8, one task.
///
/// 1. A pusher finds the inbox closed, having written the link for nothing, and takes QUEUED back
///    (Release).
/// 2. Another wins QUEUED (Acquire) and writes the link in its turn.
#[test]
fn a_refused_pusher_is_done_with_the_link_before_the_next_one() {
    model(Bound::Three, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let pushers = [node.waker(), node.waker()].map(|waker| thread::spawn(move || waker.wake()));
        let taken = owner.close().count();
        assert!(taken <= 1);
        drop(node);
        for pusher in pushers {
            pusher.join().unwrap();
        }
    });
}

/// Where the owner of this model sleeps: written by the owner before it arms, read by the
/// pusher that finds it asleep.
struct Sleeper {
    chosen: UnsafeCell<bool>,
    latch: Latch,
}

// SAFETY: the cell is written before `arm` and read by the one that found ASLEEP after that; loom
// checks exactly this.
unsafe impl Send for Sleeper {}
// SAFETY: as above.
unsafe impl Sync for Sleeper {}

impl Notify for Sleeper {
    fn notify(&self) {
        // SAFETY: the owner has written it before it armed, and does not write it again.
        assert!(self.chosen.with(|chosen| unsafe { *chosen }), "a pusher notifies where the owner does not sleep");
        self.latch.notify();
    }
}

/// 1. The owner writes where it sleeps, then arms (Release).
/// 2. A pusher that finds ASLEEP (Acquire) finds where the owner sleeps.
#[test]
fn a_pusher_that_finds_the_owner_asleep_finds_its_notifier() {
    model(Bound::All, || {
        let owner = Owner::new(Sleeper { chosen: UnsafeCell::new(false), latch: Latch::new() });
        let node = owner.node();
        let waker = node.waker();
        let pusher = thread::spawn(move || waker.wake());
        // SAFETY: nobody reads it before the owner has armed.
        owner.notifier().chosen.with_mut(|chosen| unsafe { *chosen = true });
        if owner.arm() {
            owner.notifier().latch.wait();
        }
        assert_eq!(owner.take_all().collect::<Vec<_>>(), [node.id()]);
        pusher.join().unwrap();
    });
}

/// A control that must fail.
///
/// 1. The owner looks whether there is a task, and sleeps when there is none, without arming.
/// 2. The push comes between the look and the sleep, finds EMPTY and notifies nobody.
#[test]
#[should_panic = "deadlock"]
fn control_an_owner_that_sleeps_without_arming_never_wakes() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        let pusher = thread::spawn(move || waker.wake());
        if !owner.has_tasks() {
            owner.notifier().wait();
        }
        assert_eq!(owner.take_all().count(), 1);
        pusher.join().unwrap();
    });
}

/// A control that must fail.
///
/// 1. The owner unlinks a task before it has read the task's link.
/// 2. The next pusher writes that link.
#[test]
#[should_panic = "Causality violation"]
fn control_an_owner_that_unlinks_before_it_reads_the_link_races() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let waker = node.waker();
        waker.wake_by_ref();
        let mut taken = owner.take_all();
        let pusher = thread::spawn(move || waker.wake());
        node.unlink();
        assert_eq!(taken.next_linked(), Some(node.id()));
        pusher.join().unwrap();
        let rest = owner.take_all().count();
        assert!(rest <= 1);
    });
}
