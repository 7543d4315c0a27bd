//! What an executor without I/O sleeps on — owns one flag — must never block the thread that rings.
//!
//! Until the first descriptor is registered there is no kernel object, and when descriptors have run out there may never be one; an
//! executor must be able to sleep and be woken all the same. The flag outlives a ring that nobody waited for: the next wait takes it and
//! returns, which costs its owner one extra turn and nothing else.
//!
//! The owner's thread parks. The one token that a thread has for parking may be taken by a user's own `park`, so it is never what is
//! waited for: the flag is, and it is set before the token is given. If somebody takes the token, the flag is still there and the next
//! wait does not park.
//!
//! Rejected: a mutex and a condition variable (the ringing thread would wait for the lock while the owner is pre-empted inside it, and a
//! waker must never block). That is what a model gets all the same: loom's `unpark` would also end other waits of the thread, a join for
//! one, and to the protocol this is the kernel, of which it needs no more than that it is a latch.

pub(super) use imp::Latch;

#[cfg(not(wakeline_loom))]
mod imp {
    use std::thread::{self, Thread};
    use std::time::Duration;

    use crate::sync::{AtomicUsize, Ordering};

    /// A bell that rings once: set by anybody, taken by the owner.
    pub(in crate::reactor) struct Latch {
        /// 1 when somebody rang since the owner last took it.
        rung: AtomicUsize,
        /// The thread that sleeps here.
        owner: Thread,
    }

    impl Latch {
        /// For the calling thread to sleep on.
        pub(in crate::reactor) fn new() -> Self {
            Self { rung: AtomicUsize::new(0), owner: thread::current() }
        }

        /// Ends the owner's wait, or its next one.
        pub(in crate::reactor) fn ring(&self) {
            // Relaxed: nothing is published by the flag. `unpark` orders it before the return of the `park` that takes, or has taken, its
            // token, also when the token was there already.
            self.rung.store(1, Ordering::Relaxed);
            self.owner.unpark();
        }

        /// The owner: sleeps until a ring or for `limit`, and says whether it was a ring. May return early for no reason.
        pub(in crate::reactor) fn wait(&self, limit: Option<Duration>) -> bool {
            self.take() || {
                match limit {
                    None => thread::park(),
                    Some(limit) => thread::park_timeout(limit),
                }
                self.take()
            }
        }

        fn take(&self) -> bool {
            // Relaxed: as in `ring`; what the ring was about is synchronised by the inbox.
            self.rung.swap(0, Ordering::Relaxed) == 1
        }
    }
}

#[cfg(wakeline_loom)]
mod imp {
    use std::time::Duration;

    use crate::sync::{Condvar, Mutex};

    /// A bell that rings once: set by anybody, taken by the owner.
    pub(in crate::reactor) struct Latch {
        rung: Mutex<bool>,
        bell: Condvar,
    }

    impl Latch {
        pub(in crate::reactor) fn new() -> Self {
            Self { rung: Mutex::new(false), bell: Condvar::new() }
        }

        pub(in crate::reactor) fn ring(&self) {
            *self.rung.lock().unwrap() = true;
            self.bell.notify_one();
        }

        /// No time passes in a model: it explores the ring.
        pub(in crate::reactor) fn wait(&self, _: Option<Duration>) -> bool {
            let mut rung = self.rung.lock().unwrap();
            if !*rung {
                rung = self.bell.wait(rung).unwrap();
            }
            std::mem::take(&mut *rung)
        }
    }
}
