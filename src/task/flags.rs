//! The owner's flags of a task: one plain byte that no other thread reads, changed by the
//! transitions here alone.
//!
//! Every change is a pure function from [`Flags`] to the next flags and a `#[must_use]` duty. The
//! interpreter is `lifecycle`, which stores the flags and does the duty. The test walks all states
//! of flags and remote word together, with a ghost of who holds what.
//!
//! ```text
//!  7     6         5                   4       3       2     1        0
//!  ROOT  ANCHORED  LINKED              HANDLE  ENDING  DONE  RUNNING  READY
//!                  (when DONE: OUTPUT)                                (when DONE: UNTOLD)
//! ```
//!
//! READY is to the run queue what QUEUED of the remote word is to the inbox, and ENDING is what
//! ABORT of the remote word becomes when the owner unlinks the task.

/// Linked in the run queue, or to be linked when the running poll ends.
const READY: u8 = 1 << 0;
/// A function of the owner is at work on it: it polls, drops the future, ends the task, or drops
/// the output.
const RUNNING: u8 = 1 << 1;
/// The future is gone. Nothing polls it again.
const DONE: u8 = 1 << 2;
/// Its end was asked for: drop the future instead of polling it.
const ENDING: u8 = 1 << 3;
/// A local handle exists.
const HANDLE: u8 = 1 << 4;
/// Of a task that is DONE: the body holds an output that nobody has taken.
const OUTPUT: u8 = 1 << 5;
/// Of a task that is READY: it came by the inbox, and QUEUED stays set until its turn, so that no
/// other thread pushes it again. Shares OUTPUT's bit.
const LINKED: u8 = OUTPUT;
/// The task holds a reference to its executor's memory: nobody has begun it, or the executor itself
/// has gone.
const ANCHORED: u8 = 1 << 6;
/// Of a task that is DONE, which is never linked: it was cancelled, and its local handle has not
/// said so. Shares READY's bit.
const UNTOLD: u8 = READY;
/// The executor's own wake cell: it is never linked and never registered, its loop asks for READY.
const ROOT: u8 = 1 << 7;

/// A value of the owner's flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub(super) struct Flags(u8);

/// What the owner does with a task that was woken, or whose poll has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(super) enum Woken {
    /// READY was won: link the task into the run queue.
    Queue,
    /// Its running poll, or the root's loop, sees READY.
    Noted,
    /// It was READY before, or it is over.
    Nothing,
}

/// What a future leaves that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Left {
    /// The body holds an output, or a panic.
    Output = OUTPUT,
    /// The body holds nothing: the task was cancelled.
    Nothing = UNTOLD,
}

impl Flags {
    /// Spawned by the owner, who links it and keeps a local handle.
    pub(super) const LOCAL: Flags = Flags(READY | HANDLE);
    /// Spawned by another thread.
    pub(super) const REMOTE: Flags = Flags(ANCHORED);
    /// The wake cell of an executor.
    pub(super) const ROOT: Flags = Flags(ROOT | ANCHORED);

    #[inline]
    fn is(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// A wake, on the owner's thread.
    #[inline]
    pub(super) fn woken(self) -> (Flags, Woken) {
        if self.is(READY | DONE) {
            return (self, Woken::Nothing);
        }
        let duty = if self.is(RUNNING | ROOT) { Woken::Noted } else { Woken::Queue };
        (Flags(self.0 | READY), duty)
    }

    /// An abort, on the owner's thread: a wake that asks for the end.
    #[inline]
    pub(super) fn aborted(self) -> (Flags, Woken) {
        Flags(self.0 | ENDING).woken()
    }

    /// The root's loop looks: was it woken since the last look?
    #[inline]
    pub(super) fn looked_at(self) -> (Flags, bool) {
        (Flags(self.0 & !READY), self.is(READY))
    }

    /// It came by the inbox, and the link is kept until its turn: as [`Flags::woken`]. None when it
    /// will have no turn, or has it now, and the link has to go at once.
    #[inline]
    pub(super) fn arrived(self) -> Option<(Flags, Woken)> {
        let duty = if self.is(READY) { Woken::Nothing } else { Woken::Queue };
        (!self.is(RUNNING | DONE | ROOT)).then_some((Flags(self.0 | READY | LINKED), duty))
    }

    /// Its link was given up.
    pub(super) fn unlinked(self, abort: bool) -> Flags {
        Flags((self.0 & !LINKED) | if abort { ENDING } else { 0 })
    }

    /// The run queue has handed it out to be polled; none when its end was asked for, or when it
    /// has to be unlinked first.
    #[inline]
    pub(super) fn begin_poll(self) -> Option<Flags> {
        (!self.is(ENDING | LINKED)).then_some(Flags((self.0 & !READY) | RUNNING))
    }

    /// The run queue has let go of it.
    pub(super) fn unqueued(self) -> Flags {
        Flags(self.0 & !READY)
    }

    /// The poll has returned pending.
    #[inline]
    pub(super) fn pended(self) -> (Flags, Woken) {
        (Flags(self.0 & !RUNNING), if self.is(READY) { Woken::Queue } else { Woken::Nothing })
    }

    /// The task is to end without a turn; none when it runs, or will have one.
    pub(super) fn begin_end(self) -> Option<Flags> {
        (!self.is(RUNNING) && (self.is(DONE) || !self.is(READY))).then_some(Flags(self.0 | RUNNING))
    }

    /// The future is gone. RUNNING until [`Flags::paused`], because what follows is user code that
    /// may drop the handle, which must not free the task yet.
    #[inline]
    pub(super) fn finished(self, left: Left) -> Flags {
        Flags((self.0 & !READY) | RUNNING | DONE | left as u8)
    }

    /// The future of a task is gone that no executor has begun: there is nothing to tell its owner.
    pub(super) fn refused(self) -> Flags {
        Flags(self.0 | DONE)
    }

    /// A function begins that calls user code while the task is over.
    pub(super) fn held(self) -> Flags {
        Flags(self.0 | RUNNING)
    }

    /// The function that set RUNNING returns.
    #[inline]
    pub(super) fn paused(self) -> Flags {
        Flags(self.0 & !RUNNING)
    }

    /// The output is about to be taken, or dropped; none when there is none.
    #[inline]
    pub(super) fn output_taken(self) -> Option<Flags> {
        self.has_output().then_some(Flags(self.0 & !OUTPUT))
    }

    /// The handle says that the task was cancelled; none when it was not, or has said so.
    pub(super) fn cancellation_told(self) -> Option<Flags> {
        (self.is(DONE) && self.is(UNTOLD)).then_some(Flags(self.0 & !UNTOLD))
    }

    /// The local handle goes away.
    #[inline]
    pub(super) fn handle_dropped(self) -> Flags {
        Flags(self.0 & !HANDLE)
    }

    /// The task has taken a reference to its executor's memory.
    pub(super) fn anchored(self) -> Flags {
        Flags(self.0 | ANCHORED)
    }

    /// It is registered, and gives that reference back.
    pub(super) fn unanchored(self) -> Flags {
        Flags(self.0 & !ANCHORED)
    }

    /// Linked, or about to be. Of the root: woken since the last look.
    pub(super) fn is_ready(self) -> bool {
        self.is(READY)
    }

    pub(super) fn is_running(self) -> bool {
        self.is(RUNNING)
    }

    #[inline]
    pub(super) fn is_done(self) -> bool {
        self.is(DONE)
    }

    #[inline]
    pub(super) fn has_handle(self) -> bool {
        self.is(HANDLE)
    }

    #[inline]
    pub(super) fn has_output(self) -> bool {
        self.0 & (DONE | OUTPUT) == DONE | OUTPUT
    }

    /// Does it keep its link until its turn?
    pub(super) fn is_linked(self) -> bool {
        self.0 & (DONE | LINKED) == LINKED
    }

    /// Has the handle returned what there was to return?
    pub(super) fn is_told(self) -> bool {
        self.0 & (DONE | OUTPUT | UNTOLD) == DONE
    }

    /// Its end was asked for, and no executor will see to it.
    pub(super) fn is_forsaken(self) -> bool {
        self.is(ENDING) && self.is(ANCHORED)
    }

    pub(super) fn is_anchored(self) -> bool {
        self.is(ANCHORED)
    }

    #[cfg(test)]
    pub(super) fn is_root(self) -> bool {
        self.is(ROOT)
    }

    /// Nothing on the owner's thread keeps it, but the local references that the header counts.
    #[inline]
    pub(super) fn may_settle(self) -> bool {
        self.0 & (DONE | RUNNING | HANDLE) == DONE
    }
}
