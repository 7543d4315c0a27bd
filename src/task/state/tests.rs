//! The remote word walked by itself; `both_words` walks it together with the owner's flags.

mod both_words;

use std::collections::HashSet;

use super::*;

/// A snapshot, and who really holds what: the ghost that the word must agree with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct World {
    word: Snapshot,
    /// The owner has not retired the registry's reference.
    registered: bool,
    /// The owner has admitted the task: a remote one only after its first unlink.
    admitted: bool,
    /// Wakers and handles.
    references: u8,
    /// A push is under way: the bit was won, the inbox has not answered.
    pushing: bool,
    /// Linked in the inbox.
    linked: bool,
    /// Somebody ends the task before it is begun.
    ending: bool,
    freed: bool,
}

/// Enough for every distinction the word makes: none, one, several.
const MOST: u8 = 3;

impl World {
    fn new(word: Snapshot, references: u8, admitted: bool) -> Self {
        let pushing = word.is(QUEUED);
        Self { word, registered: true, admitted, references, pushing, linked: false, ending: false, freed: false }
    }

    fn check(self) {
        assert_eq!(self.word.is(QUEUED), self.pushing || self.linked, "QUEUED is the link: {self:?}");
        assert_eq!(self.word.is(DEAD), !self.registered, "DEAD is the owner's last word: {self:?}");
        assert_eq!(self.word.count(), usize::from(self.references) + usize::from(self.registered), "{self:?}");
        assert_eq!(self.word.is_free(), self.freed, "freed exactly under the free condition: {self:?}");
        if self.pushing {
            assert!(self.references > 0, "a pusher holds its reference: {self:?}");
        }
    }

    fn free(mut self) -> Self {
        assert!(!self.freed, "freed twice: {self:?}");
        assert_eq!((self.references, self.registered, self.linked, self.pushing), (0, false, false, false), "{self:?}");
        self.freed = true;
        self
    }

    /// What the owner may write down before it retires the task: that it is watched, and that its
    /// future is gone.
    fn marks(self) -> Vec<World> {
        let words = if self.registered { vec![self.word.watch(), self.word.leave()] } else { Vec::new() };
        words.into_iter().map(|word| World { word, ..self }).collect()
    }

    /// A waker or an abort was told what to do.
    fn told(self, word: Snapshot, duty: Wake) -> Self {
        assert!(duty != Wake::Unbegun || !(self.ending || self.admitted), "ended once, and by nobody else: {self:?}");
        let (pushing, ending) = (self.pushing || duty == Wake::Push, self.ending || duty == Wake::Unbegun);
        World { word, pushing, ending, ..self }
    }

    /// Every step that some party may take from here.
    fn steps(self) -> Vec<World> {
        let mut next = Vec::new();
        // References are made from references; the owner may make one from the registry's.
        if self.references < MOST && (self.references > 0 || (self.registered && self.admitted)) {
            next.push(World { word: self.word.retain(), references: self.references + 1, ..self });
        }
        if self.references > 0 {
            // What was not begun has nobody who could wake it.
            let wake = self.admitted.then(|| self.word.wake());
            for (word, duty) in wake.into_iter().chain([self.word.abort()]) {
                assert_eq!(duty == Wake::Dead, self.word.is(DEAD));
                assert!(duty != Wake::Push || !self.ending, "no executor sees it again: {self:?}");
                // A handle exists once the push is over.
                if duty != Wake::Unbegun || !self.pushing {
                    next.push(self.told(word, duty));
                }
            }
            // The one who pushes keeps its own reference until it has pushed.
            if !self.pushing || self.references > 1 {
                let (word, duty) = self.word.release();
                let left = World { word, references: self.references - 1, ..self };
                next.push(if duty == Released::Free { left.free() } else { left });
            }
        }
        if self.pushing {
            next.push(World { pushing: false, linked: true, ..self });
            // Refused: one that was not begun ends as if it had been taken out, and any other one
            // is unlinked by its pusher, whose reference remains.
            if !self.word.is(NEW) {
                let (word, duty) = self.word.unlink();
                assert_ne!(duty, Unlinked::Free, "{self:?}");
                next.push(World { word, pushing: false, ..self });
            }
        }
        if self.linked && self.word.is(NEW) && !self.ending {
            // The holder of the link begins the task, or ends it as an abort does.
            let begun = self.word.begin().expect("nobody has aborted it");
            next.push(World { word: begun, admitted: true, ..self });
            let (word, duty) = self.word.abort();
            assert_eq!(duty, Wake::Unbegun);
            next.push(self.told(word, duty));
        } else if self.linked {
            assert!(!self.ending || self.word.begin().is_none(), "it cannot be begun: {self:?}");
            let (word, duty) = self.word.unlink();
            let left = World { word, linked: false, ..self };
            match duty {
                Unlinked::Free => next.push(left.free()),
                Unlinked::Dead => assert!(!self.registered),
                Unlinked::Live { abort } => {
                    assert!(self.registered);
                    assert_eq!(abort, self.word.is(ABORT));
                }
            }
            if duty != Unlinked::Free {
                next.push(left);
            }
        }
        // Who ends it may do so before and after it is unlinked.
        if self.ending && self.registered {
            let (word, duty) = self.word.retire();
            let left = World { word, registered: false, ..self };
            next.push(if duty == Released::Free { left.free() } else { left });
        }
        if self.registered && self.admitted {
            if self.word.is_sole() {
                assert_eq!((self.references, self.linked, self.pushing), (0, false, false), "sole: {self:?}");
            } else {
                let (word, duty) = self.word.retire();
                let left = World { word, registered: false, ..self };
                next.push(if duty == Released::Free { left.free() } else { left });
            }
        }
        next
    }
}

fn walk(start: World) -> HashSet<World> {
    let (mut seen, mut edge) = (HashSet::from([start]), vec![start]);
    while let Some(world) = edge.pop() {
        world.check();
        assert!(world.word.is_gone() || world.registered, "who asks of a task that is over hears so: {world:?}");
        if !world.freed {
            edge.extend(world.steps().into_iter().chain(world.marks()).filter(|next| seen.insert(*next)));
        }
    }
    seen
}

#[test]
fn every_reachable_word_agrees_with_who_holds_what() {
    let unstarted = World { pushing: false, linked: true, ..World::new(Snapshot::REMOTE, 1, false) };
    for start in [World::new(Snapshot::LOCAL, 0, true), World::new(Snapshot::REMOTE, 1, false), unstarted] {
        let seen = walk(start);
        assert!(seen.len() > 40, "the walk went somewhere: {}", seen.len());
        assert!(seen.iter().any(|world| world.freed), "it ends");
    }
}

#[test]
fn every_living_word_can_still_be_freed() {
    let seen = walk(World::new(Snapshot::REMOTE, 1, false));
    for world in seen.iter().filter(|world| !world.freed) {
        let sole = world.registered && world.admitted && world.word.is_sole();
        assert!(sole || !world.steps().is_empty(), "nobody is left to free {world:?}");
    }
}

#[test]
fn the_operations_on_the_word_are_the_transitions() {
    for start in walk(World::new(Snapshot::REMOTE, 1, false)) {
        let check = |operation: &dyn Fn(&RemoteWord), expected: Snapshot| {
            let word = RemoteWord::new(start.word);
            operation(&word);
            assert_eq!(Snapshot(word.0.load(Ordering::Relaxed)), expected, "from {start:?}");
        };
        check(&|word| assert_eq!(word.wake(), start.word.wake().1), start.word.wake().0);
        check(&|word| assert_eq!(word.abort(), start.word.abort().1), start.word.abort().0);
        check(&|word| assert_eq!(word.unlink(), start.word.unlink().1), start.word.unlink().0);
        if start.word.is(NEW) {
            check(&|word| assert_eq!(word.begin(), start.word.begin().is_some()), start.word.begin().unwrap_or(start.word));
        }
        check(&|word| word.retain(), start.word.retain());
        check(&RemoteWord::watch, start.word.watch());
        check(&RemoteWord::leave, start.word.leave());
        check(&|word| assert_eq!(word.is_watched(), start.word.is_watched()), start.word);
        check(&|word| assert_eq!(word.is_gone(), start.word.is_gone()), start.word);
        if start.word.count() > 0 {
            check(&|word| assert_eq!(word.release(), start.word.release().1), start.word.release().0);
        }
        if start.registered {
            check(&|word| assert_eq!(word.retire(), start.word.retire().1), start.word.retire().0);
            check(&|word| assert_eq!(word.is_sole(), start.word.is_sole()), start.word);
        }
    }
}
