//! What a core is doing, read by another thread: the words of one poll, or none.
//!
//! 1. The owner makes the version odd, writes id, site and name, and makes it even.
//! 2. A reader takes the version, the words, and the version again.
//! 3. If the two versions are one even number, the words are those of one poll.
//!
//! The rule: no report names a task by another one's name.

#![cfg(wakeline_loom)]

use loom::thread;
use wakeline::model::Sight;
use wakeline_loom_tests::{Bound, model};

/// 1. The owner polls a second task.
/// 2. A reader sees the first, the second, or gives up.
#[test]
fn a_reader_sees_the_words_of_one_poll() {
    model(Bound::All, || {
        let sight = Sight::new();
        sight.set(1, "a");
        let reader = thread::spawn({
            let sight = sight.clone();
            move || sight.read()
        });
        sight.set(2, "b");
        if let Some(seen) = reader.join().unwrap() {
            assert!(seen == (1, "a".into()) || seen == (2, "b".into()), "{seen:?}");
        }
        assert_eq!(sight.read(), Some((2, "b".into())));
    });
}

/// A control that must fail: the reader does not ask for the version again.
#[test]
#[should_panic = "torn"]
fn control_words_without_a_version_are_torn() {
    model(Bound::All, || {
        let sight = Sight::new();
        sight.set(1, "a");
        let reader = thread::spawn({
            let sight = sight.clone();
            move || sight.read_carelessly()
        });
        sight.set(2, "b");
        let seen = reader.join().unwrap();
        assert!(seen == (1, "a".into()) || seen == (2, "b".into()), "torn: {seen:?}");
    });
}
