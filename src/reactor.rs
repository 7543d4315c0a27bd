//! What this thread watches outside: descriptors, deadlines and notifications. The reactor has the
//! driver, the table of sources and the timers. It keeps wakers, and knows nothing of tasks.
//!
//! One reactor serves a thread: every executor that runs there and every source made there share
//! it, so a socket made under one executor may be awaited under another. It begins with no kernel
//! object. The first source that has to wait, or a host loop that asks for the descriptor, makes it
//! open its driver; until then, and for ever if descriptors have run out, its sleep is on a parker.
//!
//! # A turn
//!
//! ```text
//!   limit = earliest of: what the caller allows, the next deadline
//!   wait                      one system call: events | eventfd | limit   (or the parker, without a driver)
//!   record                    each event raises the edge count of its source and takes its waiters out
//!   collect                   the wakers of the timers that are due
//!   wake                      all of them, with nothing borrowed
//! ```
//!
//! All of a batch is recorded before anybody is woken, so nobody can close a descriptor while the
//! batch that speaks of it is read.
//!
//! # Rules
//!
//! - \[R1\] **Gone before closed.** A descriptor in the kernel's list is open. Its source is
//!   dropped, and with it taken off the list, before the descriptor is: I/O objects declare the
//!   source first, and taking one apart drops the source first.
//! - \[R2\] **Numbers, not pointers.** The kernel knows a source by slot and generation. An event
//!   for a source that has gone names nothing and is dropped.
//! - \[R3\] **The kernel writes into room we own.** The buffer of events is out of its cell while a
//!   wait runs, the kernel is told its capacity, and only what it says it wrote is read.
//! - \[R4\] **One process.** A forked child shares its parent's kernel objects and may not touch
//!   them: each use checks the generation, and in the child a source or reactor is dropped without
//!   a word to the kernel.
//! - \[R5\] **Nothing borrowed while others run.** Wakers are cloned before and woken or dropped
//!   after the table and the timers are borrowed. A waker that panics stops none of the wakers
//!   after it; the first panic goes on when all are woken.
//!
//! # Rejected
//!
//! A reactor thread shared by all (a wake would cross threads twice); io_uring (a second code path
//! for the same promises); level-triggered registration (a system call to take back each interest);
//! waking from inside the loop over the events (foreign code under a borrow, and sources that
//! vanish in the middle of a batch).

mod core;
pub(crate) mod driver;
mod entry;
pub(crate) mod meter;
mod notifier;
#[cfg_attr(wakeline_loom, path = "reactor/parker/modelled.rs")]
mod parker;
pub(crate) mod readiness;
pub(crate) mod source;
mod state;
mod table;
pub(crate) mod timers;
mod wake;
pub(crate) mod wheel;

pub use self::core::Metrics;
pub(crate) use self::core::{Reactor, Wait};
pub(crate) use driver::descriptor;
pub(crate) use entry::Kind;
pub(crate) use notifier::Notifier;
pub(crate) use readiness::{Edge, Side, Sides};
pub(crate) use source::{Drained, Source};
pub(crate) use state::{is_ready, state};
pub(crate) use wake::wake_all;
