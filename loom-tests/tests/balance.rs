//! Connections that cores hand to each other: each is served once, also while cores leave.
//!
//! 1. A core with more than its share looks who has least, takes that core's sender from its
//!    entrance, and sends.
//! 2. The other one leaves: it has left, its entrance is taken away, its channel closed, and what
//!    is still in there is handed on.
//! 3. The send comes before the close, and then the leaver finds what was sent; or it fails, and
//!    the sender keeps it.
//!
//! 4. A core that seems stuck may come back at any moment. Others take what is in its queue, and
//!    ask its backlog under its entrance's lock; it does what it always does.
//!
//! The rule: between the close and the last look nothing can arrive, and who has left has its
//! backlog for itself. What takes the place of a connection here remembers its drop.

#![cfg(wakeline_loom)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::thread;
use wakeline::model::{BalanceMembers, BalanceMembership, Served};
use wakeline_loom_tests::{Bound, DropGuard, Drops, Letter, executor, model, wait_for};

/// What was handed over, if something was.
fn received<T>(membership: &BalanceMembership<T>) -> Option<Served<T>> {
    match pin!(membership.recv()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(served) => Some(served),
        Poll::Pending => None,
    }
}

/// Two cores, of which the first serves one connection, so that it will hand on the next.
fn two_cores(
    drops: &Drops,
) -> (BalanceMembers<DropGuard>, BalanceMembership<DropGuard>, BalanceMembership<DropGuard>, Served<DropGuard>) {
    let members = BalanceMembers::new(2);
    let (first, second) = (members.join(0), members.join(1));
    let served = first.place(drops.guard()).expect("nobody has less");
    (members, first, second, served)
}

/// 1. The second core leaves while the first one hands it something.
/// 2. It comes back by way of the queue, or never left.
#[test]
fn what_is_handed_to_a_core_that_leaves_comes_back() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, served) = two_cores(&drops);
        let leaver = thread::spawn(move || drop(second));
        let placed = first.place(drops.guard());
        leaver.join().unwrap();
        let next = placed.or_else(|| received(&first)).expect("lost");
        assert!(drops.threads().is_empty());
        assert_eq!(members.live(), [2, 0]);
        drop((served, next));
        assert_eq!((members.live(), drops.threads().len()), (vec![0, 0], 2));
    });
}

/// 1. The second core waits in an executor of its own, which sleeps or is about to.
/// 2. What it is handed wakes it, and what was written before is seen.
#[test]
fn a_core_that_waits_is_woken_by_what_it_is_handed() {
    model(Bound::Three, || {
        let drops = Drops::default();
        let (members, first, second, _served) = two_cores(&drops);
        let letter = Letter::new();
        let theirs = letter.clone();
        let waiter = thread::spawn(move || {
            let served = executor().block_on(second.recv());
            assert_eq!(theirs.read(), 7);
            (second, served)
        });
        letter.write(7);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        let (_second, _next) = waiter.join().unwrap();
        assert_eq!(members.live(), [1, 1]);
    });
}

/// 1. Something lies in the queue of a core that leaves, and another core leaves at the same time.
/// 2. Whether or not the one hands it to the other, it ends with the third, which stays.
#[test]
fn what_lies_with_two_that_leave_ends_with_the_one_that_stays() {
    model(Bound::Three, || {
        let (members, drops) = (BalanceMembers::new(3), Drops::default());
        let (first, second, third) = (members.join(0), members.join(1), members.join(2));
        let served = first.place(drops.guard()).expect("nobody has less");
        assert!(first.place(drops.guard()).is_none(), "the second one has less");
        let leavers = [thread::spawn(move || drop(second)), thread::spawn(move || drop(third))];
        leavers.into_iter().for_each(|leaver| leaver.join().unwrap());
        let next = received(&first).expect("lost");
        assert!(drops.threads().is_empty());
        assert_eq!(members.live(), [2, 0, 0]);
        drop((served, next));
    });
}

/// 1. Both cores leave, one of them with something in its queue.
/// 2. It is dropped, once, by one of them or by the last who holds the channel; and it counts for
///    nobody.
#[test]
fn what_nobody_is_left_to_serve_is_dropped_once() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, served) = two_cores(&drops);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        let leaver = thread::spawn(move || drop(second));
        drop(first);
        leaver.join().unwrap();
        drop(served);
        assert_eq!((members.live(), drops.threads().len()), (vec![0, 0], 2));
    });
}

/// 1. A core leaves and joins again while another one hands it something.
/// 2. It is in the new queue, or in the first one's, or never left.
#[test]
fn a_core_may_join_again() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, _served) = two_cores(&drops);
        let again = members.again();
        let leaver = thread::spawn(move || {
            drop(second);
            again.join(1)
        });
        let placed = first.place(drops.guard());
        let second = leaver.join().unwrap();
        let _next = placed.or_else(|| received(&first)).or_else(|| received(&second)).expect("lost");
        assert_eq!(members.live().iter().sum::<usize>(), 2);
    });
}

/// 1. Something lies in the queue of a core that seems stuck.
/// 2. Another one takes it back, while the core comes after all and fetches it.
/// 3. One of them has it, and it counts there.
#[test]
fn what_waits_for_a_core_that_seems_stuck_is_taken_once() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, served) = two_cores(&drops);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        members.seems_stuck(1);
        let comes_back = thread::spawn(move || {
            let fetched = received(&second);
            (second, fetched)
        });
        first.watch();
        let (second, fetched) = comes_back.join().unwrap();
        let taken_back = received(&first);
        assert!(fetched.is_some() != taken_back.is_some(), "lost, or there twice");
        assert_eq!(members.live(), if fetched.is_some() { [1, 1] } else { [2, 0] });
        assert!(drops.threads().is_empty());
        drop((second, served));
    });
}

/// 1. Something lies in the queue of a core that seems stuck, and it leaves.
/// 2. Another one takes back what waits there at the same time.
/// 3. It ends with that one, no matter which of the two has found it.
#[test]
fn what_waits_for_a_core_that_leaves_while_it_seems_stuck_is_not_lost() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, served) = two_cores(&drops);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        members.seems_stuck(1);
        let leaver = thread::spawn(move || drop(second));
        first.watch();
        leaver.join().unwrap();
        let next = received(&first).expect("lost");
        assert!(drops.threads().is_empty());
        assert_eq!(members.live(), [2, 0]);
        drop((served, next));
    });
}

/// 1. A core seems stuck; something waits for it, and two others take it back.
/// 2. One of the two leaves afterwards. The other one has it, or gets it then.
#[test]
fn two_may_take_back_at_the_same_time() {
    model(Bound::Two, || {
        let (members, drops) = (BalanceMembers::new(3), Drops::default());
        let (first, second, third) = (members.join(0), members.join(1), members.join(2));
        let served = first.place(drops.guard()).expect("nobody has less");
        assert!(first.place(drops.guard()).is_none(), "the second one has less");
        members.seems_stuck(1);
        let other = thread::spawn(move || {
            third.watch();
            drop(third);
        });
        first.watch();
        other.join().unwrap();
        let next = received(&first).expect("lost");
        assert!(drops.threads().is_empty() && received(&second).is_none());
        assert_eq!(members.live(), [2, 0, 0]);
        drop((served, next));
    });
}

/// 1. A core waits in an executor of its own; something is handed to it and calls it.
/// 2. It seems stuck, and another one takes that back, maybe before it comes.
/// 3. It does not seem so any more, and is handed something else. It gets one of the two.
#[test]
fn a_core_that_comes_too_late_hears_of_the_next() {
    model(Bound::Two, || {
        let drops = Drops::default();
        let (members, first, second, _served) = two_cores(&drops);
        let waiter = thread::spawn(move || {
            let served = executor().block_on(second.recv());
            (second, served)
        });
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        members.seems_stuck(1);
        first.watch();
        let taken_back = received(&first);
        members.seems_well(1);
        let _another = taken_back.as_ref().map(|_| first.place(drops.guard()).is_none());
        let (_second, _next) = waiter.join().unwrap();
    });
}

/// 1. A core that seems stuck leaves, and uses what was its backlog without a lock.
/// 2. Another one asks that backlog at the same time.
/// 3. It has done so before the core has left, or does not at all.
#[test]
fn who_has_left_has_its_backlog_for_itself() {
    model(Bound::All, || {
        let members = BalanceMembers::<usize>::new(2);
        let backlog = Letter::new();
        let theirs = backlog.clone();
        let first = members.join(0);
        let second = members.join_with_backlog(1, move || {
            theirs.write(1);
            None
        });
        members.seems_stuck(1);
        let leaver = thread::spawn(move || {
            drop(second);
            backlog.write(2);
        });
        first.watch();
        leaver.join().unwrap();
    });
}

/// A control that must fail: the backlog is used by its core while that has not left.
#[test]
#[should_panic = "Causality violation"]
fn control_a_backlog_that_is_shared_is_noticed() {
    model(Bound::All, || {
        let members = BalanceMembers::<usize>::new(2);
        let backlog = Letter::new();
        let theirs = backlog.clone();
        let first = members.join(0);
        let second = members.join_with_backlog(1, move || {
            theirs.write(1);
            None
        });
        members.seems_stuck(1);
        let stays = thread::spawn(move || {
            backlog.write(2);
            second
        });
        first.watch();
        drop(stays.join().unwrap());
    });
}

/// A control that must fail: what was taken back is looked for where it waited.
#[test]
#[should_panic = "lost"]
fn control_what_was_taken_back_is_not_there_any_more() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, _served) = two_cores(&drops);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        members.seems_stuck(1);
        let other = thread::spawn(move || {
            first.watch();
            first
        });
        let fetched = received(&second);
        let _first = other.join().unwrap();
        drop(fetched.expect("lost"));
    });
}

/// A control that must fail: both leave, and then somebody looks for what was handed over.
#[test]
#[should_panic = "lost"]
fn control_what_two_leave_behind_is_noticed() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (members, first, second, _served) = two_cores(&drops);
        assert!(first.place(drops.guard()).is_none(), "the other one has less");
        let leaver = thread::spawn(move || drop(second));
        drop(first);
        leaver.join().unwrap();
        let first = members.join(0);
        drop(received(&first).expect("lost"));
    });
}

/// A control that must fail: what is written after the hand-over is not ordered before its reading.
#[test]
#[should_panic = "Causality violation"]
fn control_what_follows_the_hand_over_is_not_ordered() {
    model(Bound::All, || {
        let drops = Drops::default();
        let (_members, first, second, _served) = two_cores(&drops);
        let letter = Letter::new();
        let theirs = letter.clone();
        let waiter = thread::spawn(move || {
            drop(wait_for(second.recv()));
            theirs.read()
        });
        assert!(first.place(drops.guard()).is_none());
        letter.write(7);
        waiter.join().unwrap();
    });
}
