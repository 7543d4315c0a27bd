//! The life of a task: its flags, and with them the order of what happens to it.
//!
//! ```text
//! spawn: READY ─▶ RUNNING ─▶ idle ─▶ READY ─▶ … ─▶ RUNNING ─▶ DONE ─▶ settled ─▶ freed
//!                  RUNNING and woken: RUNNING|READY, after Pending to the run queue's tail
//!                  aborted: READY|ENDING, at its turn the future is dropped instead of polled
//! ```
//!
//! DONE means that the future is gone. A task that is DONE settles when nothing on its thread
//! refers to it: not the handle (HANDLE), not a waker that stays (`local_refs`), not a function of
//! this file further up the stack (RUNNING). Then the registry's reference is given up, and the
//! block is freed at once, or by the last waker elsewhere.
//!
//! The flags are the owner's. What other threads may do to a task is in the remote word alone:
//! `wake_remote`, `abort_remote`, `retain`, `release`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Context;

use super::cell::{LocalWaker, Outcome, TaskRef};
use super::current;
use super::error::{Panic, Payload, discard};
use super::flags::{Flags, Left, Woken};
use super::state::{Released, Wake};
use crate::sync::OwnerCell;

impl TaskRef {
    // References.

    /// Any thread that holds a reference: one more that may travel.
    pub(super) fn retain(&self) {
        self.header().remote.retain();
    }

    /// Any thread: gives back a reference that may have travelled. The task must not be touched
    /// through it any more.
    pub(super) fn release(self) {
        if self.header().remote.release() == Released::Free {
            self.free_retired();
        }
    }

    /// Owner: one more reference that stays on this thread. False when the count is full, or when
    /// the task is over: once it is settled only the references that travel keep it.
    #[inline]
    pub(super) fn retain_local(&self) -> bool {
        let header = self.header();
        let refs = &header.local_refs;
        let counts = !header.flags.get().is_done() && refs.get() < u8::MAX;
        if counts {
            refs.set(refs.get() + 1);
        }
        counts
    }

    /// Owner: gives a local reference back.
    #[inline]
    pub(super) fn release_local(self) {
        let refs = &self.header().local_refs;
        refs.set(refs.get() - 1);
        self.settle();
    }

    /// Owner: stores what a transition gives, and hands on what is to be done.
    #[inline(always)]
    fn change<D>(&self, transition: impl FnOnce(Flags) -> (Flags, D)) -> D {
        let flags = &self.header().flags;
        let (next, duty) = transition(flags.get());
        flags.set(next);
        duty
    }

    /// Owner: stores what a transition gives. False when it cannot be made.
    #[inline(always)]
    fn change_if(&self, transition: impl FnOnce(Flags) -> Option<Flags>) -> bool {
        let flags = &self.header().flags;
        let next = transition(flags.get());
        if let Some(next) = next {
            flags.set(next);
        }
        next.is_some()
    }

    // Wakes.

    /// The owner's wake: no atomic at all.
    #[inline]
    pub(super) fn wake_local(self) {
        let flags = &self.header().flags;
        let (next, duty) = flags.get().woken();
        if duty == Woken::Nothing {
            return;
        }
        flags.set(next);
        if duty == Woken::Queue {
            (self.header().vtable.ready)(self);
        }
    }

    /// Anybody's wake: one read-modify-write, and a push for the first one since the owner last
    /// unlinked the task. Apart, so that the local wake needs no stack frame.
    #[cold]
    #[inline(never)]
    pub(super) fn wake_remote(self) {
        if self.header().remote.wake() == Wake::Push {
            self.push();
        }
    }

    /// Anybody's abort: like a wake that asks for the end. One that nobody has begun ends here and
    /// now. It never asks first whose task it is: one that waits unbegun has no owner yet.
    pub(super) fn abort_remote(self) {
        match self.header().remote.abort() {
            Wake::Push => self.push(),
            Wake::Unbegun => self.end_unbegun(),
            Wake::Queued | Wake::Dead => {}
        }
    }

    /// The owner's abort: the future is dropped at the task's turn, never in the caller's stack.
    pub(super) fn abort_local(self) {
        if self.change(Flags::aborted) == Woken::Queue {
            (self.header().vtable.ready)(self);
        }
    }

    // Polling.

    /// Owner: was the executor's own wake cell woken since the last look?
    #[inline]
    pub(super) fn take_wake(self) -> bool {
        self.change(Flags::looked_at)
    }

    /// Owner: is it linked, or about to be?
    pub(super) fn is_ready(&self) -> bool {
        self.header().flags.get().is_ready()
    }

    /// Owner: nobody has the task as `Queued` any more, and it has had no turn. One that its
    /// executor has let go of ends.
    pub(super) fn leave_queue(self) {
        self.unlink_at_turn(); // It will have none.
        let flags = &self.header().flags;
        flags.set(flags.get().unqueued());
        if flags.get().is_forsaken() && self.hold() {
            self.end_held();
        }
    }

    /// Owner, whose task is not in the run queue any more: polls it, or drops its future when the
    /// end was asked for. True when it was woken meanwhile and goes to the run queue's tail. A
    /// panic of the future leaves the task RUNNING: [`TaskRef::fail`] is next.
    #[inline]
    pub(super) fn run(self, cx: &mut Context<'_>) -> bool {
        if !(self.change_if(Flags::begin_poll) || self.begin_poll_after_unlink()) {
            self.end_turn();
            return false;
        }
        if (self.header().vtable.poll)(self, cx).is_ready() {
            self.finish(Left::Output);
            return false;
        }
        self.change(Flags::pended) == Woken::Queue
    }

    /// Owner, of a task that cannot be polled as it is: gives up the link that it may have. False
    /// when its end was asked for.
    #[cold]
    fn begin_poll_after_unlink(self) -> bool {
        self.unlink_at_turn();
        self.change_if(Flags::begin_poll)
    }

    /// Owner: the end was asked for, and comes now.
    #[cold]
    fn end_turn(self) {
        self.change(|flags| (flags.unqueued().held(), ()));
        self.end_held();
    }

    /// Owner: the poll that was under way has panicked. A task ends with one panic, its first: one
    /// more, of the future's drop, is discarded. What panicked after the end was the executor.
    #[cold]
    pub(super) fn fail(self, payload: Payload) {
        if self.is_done() {
            resume_unwind(payload);
        }
        if let Err(second) = self.drop_future() {
            discard(second);
        }
        self.finish_with(payload);
    }

    /// Owner: sets RUNNING, for the end. False when the task is in the run queue, or runs.
    pub(super) fn hold(self) -> bool {
        self.change_if(Flags::begin_end)
    }

    /// Owner, of a task that is RUNNING and not polled: drops the future, if it is still there.
    /// What is left is a cancelled task, or one that has panicked in that drop.
    #[cold]
    pub(super) fn end_held(self) {
        if self.is_done() {
            return self.pause();
        }
        match self.drop_future() {
            Ok(()) => self.finish(Left::Nothing),
            Err(payload) => self.finish_with(payload),
        }
    }

    /// The one that the body belongs to: drops the future. Meanwhile it is the task that this
    /// thread runs, so that a panic in there names it.
    pub(super) fn drop_future(self) -> Result<(), Payload> {
        let dropped = current::as_running(self, || catch_unwind(AssertUnwindSafe(|| (self.header().vtable.drop_future)(self))));
        self.tell_watchers();
        dropped
    }

    /// Owner: the future is gone, and the task ends with this panic: its handle gets it, without
    /// one the policy.
    #[cold]
    fn finish_with(self, payload: Payload) {
        let panic = self.panic_of(payload);
        (self.header().vtable.put_panic)(self, panic);
        self.finish(Left::Output);
    }

    /// Owner: what the task ends with, whose future is gone.
    #[cold]
    pub(super) fn panic_of(self, payload: Payload) -> Box<Panic> {
        // Before the task's number is asked for: an executor that panics there finds it DONE.
        let flags = &self.header().flags;
        flags.set(flags.get().finished(Left::Nothing));
        Box::new(Panic::new(payload, self.info()))
    }

    /// Owner: the future is gone.
    #[inline(always)]
    fn finish(self, left: Left) {
        let header = self.header();
        let flags = &header.flags;
        // RUNNING stays until the end: a joiner's waker may be anybody's code and may drop the
        // handle, which must not free the task yet.
        flags.set(flags.get().finished(left));
        if !flags.get().has_handle() {
            self.discard_output();
        }
        if let Some(joiner) = header.joiner.take() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| joiner.wake())) {
                self.orphan_panic(payload);
            }
        }
        self.pause();
    }

    /// Owner: a panic that nobody can receive goes to the executor's policy.
    #[cold]
    pub(super) fn orphan_panic(self, payload: Payload) {
        (self.header().vtable.orphan_panic)(self, payload);
    }

    fn discard_output(self) {
        if self.change_if(Flags::output_taken) {
            if let Some(payload) = (self.header().vtable.discard_output)(self) {
                self.orphan_panic(payload);
            }
        }
    }

    // The end.

    /// Owner: the function that set RUNNING returns.
    fn pause(self) {
        let flags = &self.header().flags;
        flags.set(flags.get().paused());
        self.settle();
    }

    /// Owner: frees a task that is over and that nothing on this thread refers to, or leaves the
    /// free to the last waker elsewhere. Does nothing as long as there is something to wait for.
    #[inline]
    fn settle(self) {
        let header = self.header();
        if header.flags.get().may_settle() && header.local_refs.get() == 0 {
            (self.header().vtable.settle)(self);
        }
    }

    /// Owner: does it keep the executor's memory itself, because the executor has gone, or has not
    /// begun it?
    pub(super) fn is_anchored(&self) -> bool {
        self.header().flags.get().is_anchored()
    }

    /// Owner: the executor keeps its memory for the task, which gives its own reference back.
    pub(super) fn weigh_anchor(self) {
        let flags = &self.header().flags;
        flags.set(flags.get().unanchored());
    }

    // The local handle.

    /// Owner: is the future gone?
    pub(super) fn is_done(&self) -> bool {
        self.header().flags.get().is_done()
    }

    /// The one that has dropped the future: who asks from another thread hears of it from here on.
    #[cold]
    pub(super) fn say_gone(self) {
        self.header().remote.leave();
    }

    /// [`say_gone`](Self::say_gone), if somebody watches the task.
    #[inline]
    pub(super) fn tell_watchers(self) {
        if self.header().remote.is_watched() {
            self.say_gone();
        }
    }

    /// Any thread, of a task that is watched or that another thread spawned: is the future gone?
    pub(super) fn is_gone(&self) -> bool {
        self.header().remote.is_gone()
    }

    /// Owner: from here on other threads may ask whether the future is gone.
    pub(super) fn watch(&self) {
        self.header().remote.watch();
        if self.is_done() {
            self.say_gone();
        }
    }

    /// Owner: was the task cancelled, and has nobody been told? Says so once.
    pub(super) fn take_cancellation(&self) -> bool {
        self.change_if(Flags::cancellation_told)
    }

    /// Owner: has the handle returned what there was to return?
    pub(super) fn has_been_told(&self) -> bool {
        self.header().flags.get().is_told()
    }

    /// Owner: the output, once; None when there is none, because the task was cancelled or the
    /// output was taken before.
    pub(super) fn take_output<T>(&self) -> Option<Outcome<T>> {
        self.change_if(Flags::output_taken).then(|| self.read_output())
    }

    pub(super) fn joiner(&self) -> &OwnerCell<Option<LocalWaker>> {
        &self.header().joiner
    }

    /// Owner: the handle goes away. A joiner goes while HANDLE still keeps the task, for its drop
    /// may be anybody's code.
    pub(super) fn drop_handle(self) {
        let flags = &self.header().flags;
        if !flags.get().is_done() {
            self.drop_joiner();
        }
        flags.set(flags.get().handle_dropped());
        if flags.get().has_output() {
            self.drop_unwanted_output();
        }
        self.settle();
    }

    #[cold]
    fn drop_joiner(self) {
        let joiner = self.header().joiner.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(joiner))) {
            self.orphan_panic(payload);
        }
    }

    /// RUNNING as in `finish`, which may be under way: the output's drop may give back the task's
    /// last local reference (a handle that the task had awaited lies in it), which must not free
    /// the task yet.
    #[cold]
    fn drop_unwanted_output(self) {
        let flags = &self.header().flags;
        let before = flags.replace(flags.get().held());
        self.discard_output();
        if !before.is_running() {
            flags.set(flags.get().paused());
        }
    }
}
