//! The task's one allocation — owns its layout, its life and its end — must never know who runs it.
//!
//! ```text
//! Header (56 bytes)                                    who may touch it when
//!  0  remote          the remote word                  everybody, by its transitions
//!  8  inbox_next      link in the inbox                the thread that won QUEUED until the push; then the owner until it unlinks
//! 16  executor        address of the executor          everybody, constant
//! 24  vtable          what differs by type             everybody, constant
//! 32  run_next        link in the run queue            owner
//! 40  joiner          who awaits the handle            owner
//! 48  flags           QUEUED RUNNING DONE …            owner
//! 49  local_refs      references that cannot travel    owner
//! 50  site            where it was spawned             everybody, constant
//! 52  registry_index  slot in the registry             owner
//! 56  Body            the future, later its output     owner
//!     Label           the name, if it has one          everybody, constant until the free
//! ```
//!
//! The header fits one cache line together with a small future, and a future of 16 bytes makes a block of 72, which malloc rounds to 80.
//! That is why the name is a type parameter (a task without a name has no field for it), why the spawn site is a number, why an awaiting
//! waker is eight bytes, and why flags and local count are bytes.
//!
//! Life: `QUEUED → RUNNING → idle → QUEUED → … → DONE`, then [`TaskRef::settle`] frees, at once or when the last party lets go:
//! the handle (flag HANDLE), references on this thread (`local_refs`), references that travel (the remote word).
//!
//! Rejected: a slot for the joiner's whole waker (16 bytes that most tasks never use) and a header over two lines (every remote wake takes
//! the line from the owner, who needs all of it anyway).

use std::alloc::Layout;
use std::any::Any;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::error::{Panic, TaskId, TaskInfo};
use super::site::Site;
use super::state::{Released, Remote, Snapshot, Unlinked, Wake};
use super::waker::LocalWaker;
use super::{Label, Schedule, blocks, owner};
use crate::sync::{Canary, OwnerCell, RawCell};

/// The owner's flags.
pub(super) mod flag {
    /// Linked in the run queue, or to be linked when the running poll ends.
    pub(in crate::task) const QUEUED: u8 = 1 << 0;
    /// Being polled, or its future is being dropped.
    pub(in crate::task) const RUNNING: u8 = 1 << 1;
    /// The future is gone. Nothing polls it again.
    pub(in crate::task) const DONE: u8 = 1 << 2;
    /// Its end was asked for: drop the future instead of polling it.
    pub(in crate::task) const ABORT: u8 = 1 << 3;
    /// A local handle exists.
    pub(in crate::task) const HANDLE: u8 = 1 << 4;
    /// The body holds an output that nobody has taken.
    pub(in crate::task) const OUTPUT: u8 = 1 << 5;
    /// The task holds a reference to its executor's memory, because the executor itself has gone.
    pub(in crate::task) const ANCHORED: u8 = 1 << 6;
}
use flag::*;

/// What the body holds once the task has ended by itself.
pub(super) type Outcome<T> = Result<T, Box<Panic>>;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The type-erased front of every task.
#[repr(C)]
pub(crate) struct Header {
    remote: Remote,
    inbox_next: RawCell<Option<TaskRef>>,
    executor: NonNull<()>,
    vtable: &'static VTable,
    run_next: OwnerCell<Option<TaskRef>>,
    joiner: OwnerCell<Option<LocalWaker>>,
    flags: OwnerCell<u8>,
    local_refs: OwnerCell<u8>,
    site: Site,
    registry_index: OwnerCell<u32>,
    canary: Canary,
}

#[cfg(all(not(wakeline_loom), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Header>() == 56);

/// The whole allocation.
#[repr(C)]
struct Cell<F: Future, N> {
    header: Header,
    body: RawCell<Body<F>>,
    label: N,
}

/// The future until DONE; its output while OUTPUT; nothing otherwise. `repr(C)`: both lie at the front.
#[repr(C)]
union Body<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Outcome<F::Output>>,
}

/// What differs by the type of the future, of the label and of the executor. One `static` per combination.
#[derive(Debug)]
pub(super) struct VTable {
    /// Owner. Polls the future; when it is ready, drops it and leaves its output in the body.
    poll: unsafe fn(TaskRef, &mut Context<'_>) -> Poll<()>,
    /// Owner. Drops the future in place.
    drop_future: unsafe fn(TaskRef),
    /// Owner. Leaves a panic in the body, where the future was.
    put_panic: unsafe fn(TaskRef, Box<Panic>),
    /// Owner. Moves the output to the address, which is that of an `Outcome<T>`.
    take_output: unsafe fn(TaskRef, *mut ()),
    /// Owner. Drops the output and returns the panic in it, or the panic of that drop.
    discard_output: unsafe fn(TaskRef) -> Option<Payload>,
    /// Everybody with a reference.
    name: unsafe fn(TaskRef) -> Option<NonNull<str>>,
    /// The one who was told to, on whatever thread: ends the label and gives the block to the allocator.
    free: unsafe fn(TaskRef),
    /// Owner, once, when nothing on its thread refers to the task any more: frees it, or leaves that to the last waker elsewhere.
    settle: unsafe fn(TaskRef),
    /// Owner: [`Schedule::ready`].
    ready: unsafe fn(NonNull<()>, TaskRef),
    /// Everybody with a reference: [`Schedule::push`].
    push: unsafe fn(NonNull<()>, TaskRef) -> bool,
    /// Owner: [`Schedule::orphan_panic`].
    orphan_panic: unsafe fn(NonNull<()>, Payload),
    /// [`Schedule::retain`].
    retain: unsafe fn(NonNull<()>),
    /// [`Schedule::release`].
    release: unsafe fn(NonNull<()>),
}

struct VTableOf<F, N, S>(PhantomData<(F, N, S)>);

impl<F: Future, N: Label, S: Schedule> VTableOf<F, N, S> {
    const VTABLE: VTable = VTable {
        poll: poll::<F, N>,
        drop_future: drop_future::<F, N>,
        put_panic: put_panic::<F, N>,
        take_output: take_output::<F, N>,
        discard_output: discard_output::<F, N>,
        name: name::<F, N>,
        free: free::<F, N>,
        settle: settle::<F, N, S>,
        ready: S::ready,
        push: S::push,
        orphan_panic: S::orphan_panic,
        retain: S::retain,
        release: S::release,
    };
}

/// The address of a task. Copying it counts nothing: whoever keeps one says by which reference the task stays alive [T2].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskRef(NonNull<Header>);

/// Who makes a task: decides the first value of the remote word and of the flags.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// The owner, who registers it, queues it and keeps a local handle.
    Owner,
    /// Another thread, which pushes it and keeps a counted reference.
    Remote,
    /// The executor itself: the wake cell of `block_on`, which has no future to poll.
    Root,
}

/// Puts a future on the heap. Nothing is linked or registered yet.
pub(crate) fn allocate<F: Future, N: Label, S: Schedule>(
    future: F,
    label: N,
    executor: NonNull<()>,
    site: Site,
    origin: Origin,
) -> TaskRef {
    let (snapshot, flags) = match origin {
        Origin::Owner => (Snapshot::LOCAL, QUEUED | HANDLE),
        Origin::Remote => (Snapshot::REMOTE, 0),
        Origin::Root => (Snapshot::LOCAL, 0),
    };
    let layout = Layout::new::<Cell<F, N>>();
    let block = match origin {
        // SAFETY: [T4] the owner spawns, so its executor's memory lives and this is its thread.
        Origin::Owner => unsafe { S::blocks(executor) }.borrow_mut().take(layout),
        Origin::Remote | Origin::Root => blocks::allocate(layout),
    };
    let cell = Cell {
        header: Header {
            remote: Remote::new(snapshot),
            inbox_next: RawCell::new(None),
            executor,
            vtable: &VTableOf::<F, N, S>::VTABLE,
            run_next: OwnerCell::new(None),
            joiner: OwnerCell::new(None),
            flags: OwnerCell::new(flags),
            local_refs: OwnerCell::new(0),
            site,
            registry_index: OwnerCell::new(0),
            canary: Canary::new(),
        },
        body: RawCell::new(Body { future: ManuallyDrop::new(future) }),
        label,
    };
    // SAFETY: [B1] the block was asked for with this layout and nothing lives in it; a smaller one would be overrun.
    unsafe { block.cast().write(cell) };
    TaskRef(block.cast())
}

impl TaskRef {
    /// # Safety
    ///
    /// The pointer is one that `as_ptr` returned, of a task that is not freed.
    pub(super) unsafe fn from_ptr(pointer: *const ()) -> Self {
        // SAFETY: [T2] the pointer came from a `NonNull`, so it is not null; a null one would be an invalid `NonNull`.
        Self(unsafe { NonNull::new_unchecked(pointer.cast_mut().cast()) })
    }

    pub(super) fn as_ptr(self) -> NonNull<()> {
        self.0.cast()
    }

    /// What the inbox keeps.
    pub(crate) fn address(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// Back from what the inbox keeps: an address that [`TaskRef::address`] gave, or null.
    pub(crate) fn from_address(address: *mut ()) -> Option<Self> {
        NonNull::new(address.cast()).map(Self)
    }

    pub(super) fn id(&self) -> TaskId {
        TaskId(self.0.addr())
    }

    fn header(&self) -> &Header {
        // SAFETY: [T2] whoever holds a TaskRef holds a reference or is the owner of an unsettled task, so the block is not freed; without
        // that, this would read freed memory.
        let header = unsafe { self.0.as_ref() };
        header.canary.check();
        header
    }

    fn vtable(&self) -> &'static VTable {
        self.header().vtable
    }

    pub(crate) fn executor(&self) -> NonNull<()> {
        self.header().executor
    }

    /// Can be read by whoever holds a reference.
    pub(crate) fn site(&self) -> Site {
        self.header().site
    }

    /// Can be read by whoever holds a reference, for as long as it does.
    pub(crate) fn name(&self) -> Option<&str> {
        // SAFETY: [T2] a reference keeps the label; the function belongs to this very cell, or it would read another type's label.
        let name = unsafe { (self.vtable().name)(*self) };
        // SAFETY: [T2] the label is not written after the task was made and lives as long as the block, or the text would dangle.
        name.map(|name| unsafe { name.as_ref() })
    }

    pub(crate) fn info(&self) -> TaskInfo {
        TaskInfo::new(self.0.addr(), self.name(), self.site())
    }

    // -- links: each belongs to whoever the queue's rules say ------------------------------------------------------------------------

    pub(crate) fn inbox_next(&self) -> &RawCell<Option<TaskRef>> {
        &self.header().inbox_next
    }

    pub(crate) fn run_next(&self) -> &OwnerCell<Option<TaskRef>> {
        &self.header().run_next
    }

    pub(crate) fn registry_index(&self) -> &OwnerCell<u32> {
        &self.header().registry_index
    }

    // -- references ------------------------------------------------------------------------------------------------------------------

    /// Any thread that holds a reference: one more that may travel.
    pub(super) fn retain(&self) {
        self.header().remote.retain();
    }

    /// Any thread: gives back a reference that may have travelled. The task must not be touched through it any more.
    pub(super) fn release(self) {
        if self.header().remote.release() == Released::Free {
            self.free_retired();
        }
    }

    /// Owner: one more reference that stays on this thread; false when the count is full.
    pub(super) fn retain_local(&self) -> bool {
        let refs = &self.header().local_refs;
        let full = refs.get() == u8::MAX;
        if !full {
            refs.set(refs.get() + 1);
        }
        !full
    }

    /// Owner: gives a local reference back.
    pub(super) fn release_local(self) {
        let refs = &self.header().local_refs;
        refs.set(refs.get() - 1);
        self.settle();
    }

    // -- wakes -----------------------------------------------------------------------------------------------------------------------

    /// The owner's wake: no atomic at all.
    #[inline]
    pub(super) fn wake_local(self) {
        let header = self.header();
        let flags = header.flags.get();
        if flags & (QUEUED | DONE) != 0 {
            return;
        }
        header.flags.set(flags | QUEUED);
        if flags & RUNNING == 0 {
            self.make_ready();
        }
    }

    fn make_ready(self) {
        let header = self.header();
        // SAFETY: [T4] the executor's memory lives as long as an unsettled task, and this is its thread; else the queue would be raced.
        unsafe { (header.vtable.ready)(header.executor, self) }
    }

    /// Anybody's wake: one read-modify-write, and a push for the first one since the owner last unlinked the task.
    pub(super) fn wake_remote(self) {
        if self.header().remote.wake() == Wake::Push {
            self.push();
        }
    }

    /// Anybody's abort: like a wake that asks for the end.
    pub(super) fn abort_remote(self) {
        if self.header().remote.abort() == Wake::Push {
            self.push();
        }
    }

    /// Links the task into its executor's inbox; the caller has won QUEUED and holds a reference. False when the inbox is closed.
    pub(crate) fn push(self) -> bool {
        let header = self.header();
        // SAFETY: [T4] the caller's reference keeps the block, and the block keeps the executor's memory once the executor is gone; the
        // reference is given back only after this call [T5], or the push would notify through freed memory.
        let pushed = unsafe { (header.vtable.push)(header.executor, self) };
        if !pushed {
            header.remote.refuse();
        }
        pushed
    }

    /// Anybody's abort, by the way that fits the thread.
    pub(super) fn abort(self) {
        if owner::is_entered(self.executor().as_ptr()) {
            self.abort_local();
        } else {
            self.abort_remote();
        }
    }

    /// The owner's abort: the future is dropped at the task's turn, never in the caller's stack.
    pub(super) fn abort_local(self) {
        let flags = &self.header().flags;
        flags.set(flags.get() | ABORT);
        self.wake_local();
    }

    /// Owner: takes the task out of the inbox, whose link has been read before. True when the executor shall register it.
    pub(crate) fn unlink(self) -> bool {
        match self.header().remote.unlink() {
            Unlinked::Free => self.free_retired(),
            Unlinked::Dead => {}
            Unlinked::Live { new, abort } => {
                if abort {
                    self.abort_local();
                } else {
                    self.wake_local();
                }
                return new;
            }
        }
        false
    }

    // -- polling ---------------------------------------------------------------------------------------------------------------------

    /// Owner: was the executor's own wake cell woken since the last look?
    #[inline]
    pub(crate) fn take_wake(self) -> bool {
        let flags = &self.header().flags;
        let woken = flags.get() & QUEUED != 0;
        flags.set(flags.get() & !QUEUED);
        woken
    }

    /// Owner: is it linked, or about to be?
    pub(crate) fn is_queued(&self) -> bool {
        self.header().flags.get() & QUEUED != 0
    }

    /// Owner, in its loop: polls the task, or drops its future when the end was asked for. True when it was woken meanwhile and goes to
    /// the run queue's tail. A panic of the future leaves the task RUNNING: [`TaskRef::fail`] is next.
    #[inline]
    pub(crate) fn run(self, cx: &mut Context<'_>) -> bool {
        let header = self.header();
        let flags = header.flags.get();
        if flags & ABORT != 0 {
            self.shut_down();
            return false;
        }
        header.flags.set((flags & !QUEUED) | RUNNING);
        // SAFETY: [T3] only the owner polls; RUNNING was set just above, and a task that is DONE is never queued, so the body holds the
        // future and nobody else touches it; else a dropped future would be polled.
        if unsafe { (header.vtable.poll)(self, cx) }.is_ready() {
            header.flags.set(header.flags.get() | OUTPUT);
            self.finish();
            return false;
        }
        let flags = header.flags.get();
        header.flags.set(flags & !RUNNING);
        flags & QUEUED != 0
    }

    /// Owner: the poll that was under way has panicked.
    #[cold]
    pub(crate) fn fail(self, payload: Payload) {
        let panic = Box::new(Panic::new(payload, self.info()));
        self.drop_future();
        // SAFETY: [T3] the future was dropped in the line above and DONE is set below, so the body is free for the output; a live future
        // would be overwritten.
        unsafe { (self.vtable().put_panic)(self, panic) };
        let flags = &self.header().flags;
        flags.set(flags.get() | OUTPUT);
        self.finish();
    }

    /// Owner: drops the future, if it is still there. What is left is a cancelled task.
    #[cold]
    pub(crate) fn shut_down(self) {
        let flags = &self.header().flags;
        if flags.get() & DONE == 0 {
            flags.set(flags.get() | RUNNING);
            self.drop_future();
            self.finish();
        }
    }

    /// Owner: drops the future. A panic of that drop has no receiver: the handle already gets the first one, or learns of the end.
    fn drop_future(self) {
        // SAFETY: [T3] the task is not DONE, so the body holds the future, and RUNNING keeps wakes from queueing it meanwhile; dropping it
        // twice would be the harm.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { (self.vtable().drop_future)(self) }));
        if let Err(payload) = dropped {
            self.orphan_panic(payload);
        }
    }

    /// Owner: the future is gone, and the body holds its output or nothing.
    fn finish(self) {
        let header = self.header();
        let flags = &header.flags;
        // RUNNING stays until the end: a joiner's waker may be anybody's code and may drop the handle, which must not free the task yet.
        flags.set((flags.get() & !QUEUED) | RUNNING | DONE);
        if flags.get() & HANDLE == 0 {
            self.discard_output();
        }
        if let Some(joiner) = header.joiner.take() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| joiner.wake())) {
                self.orphan_panic(payload);
            }
        }
        flags.set(flags.get() & !RUNNING);
        self.settle();
    }

    /// Owner: a panic that nobody can receive goes to the executor's policy.
    pub(super) fn orphan_panic(self, payload: Payload) {
        let header = self.header();
        // SAFETY: [T4] the task is not settled, so the executor's memory lives and this is its thread; else the policy would be read from
        // freed memory.
        unsafe { (header.vtable.orphan_panic)(header.executor, payload) }
    }

    fn discard_output(self) {
        let flags = &self.header().flags;
        if flags.get() & OUTPUT == 0 {
            return;
        }
        flags.set(flags.get() & !OUTPUT);
        // SAFETY: [T3] OUTPUT was set, so the body holds the output, and it is cleared now, so it is dropped once.
        if let Some(payload) = unsafe { (self.vtable().discard_output)(self) } {
            self.orphan_panic(payload);
        }
    }

    // -- the end ---------------------------------------------------------------------------------------------------------------------

    /// Owner: frees a task that is over and that nothing on this thread refers to, or leaves the free to the last waker elsewhere.
    /// Does nothing as long as there is something to wait for.
    #[inline]
    fn settle(self) {
        let header = self.header();
        if header.flags.get() & (DONE | RUNNING | HANDLE) == DONE && header.local_refs.get() == 0 {
            // SAFETY: [T1] the task is over and this thread has no other reference, so this happens once; a second time it might be freed.
            unsafe { (header.vtable.settle)(self) };
        }
    }

    /// Owner: the executor goes away. The task keeps the executor's memory until it is settled, and does not come back to the registry.
    pub(crate) fn anchor(self) {
        let header = self.header();
        // SAFETY: [T4] the executor is being dropped, so its memory is still there.
        unsafe { (header.vtable.retain)(header.executor) };
        header.flags.set(header.flags.get() | ANCHORED);
    }

    /// The spawning thread: the inbox is closed, so the owner will never see the task. Drops the closure here, where it came from.
    #[cold]
    pub(crate) fn refuse_spawn(self) {
        self.anchor();
        // SAFETY: [T3] the task was never pushed, so its body is still the spawning thread's, and DONE follows; a second drop would be the
        // harm.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { (self.vtable().drop_future)(self) }));
        let flags = &self.header().flags;
        flags.set(flags.get() | DONE);
        self.settle();
        if let Err(payload) = dropped {
            resume_unwind(payload);
        }
    }

    /// Frees a task that had been retired, and the reference to the executor's memory that it held.
    fn free_retired(self) {
        let header = self.header();
        let (vtable, executor) = (header.vtable, header.executor);
        // SAFETY: [T1] the remote word has told this thread, and only this one, that nobody can reach the block.
        unsafe { (vtable.free)(self) };
        // SAFETY: [T4] a retired task holds one reference to the executor's memory, which is given back here, once.
        unsafe { (vtable.release)(executor) };
    }

    // -- the local handle ------------------------------------------------------------------------------------------------------------

    pub(super) fn is_done(&self) -> bool {
        self.header().flags.get() & DONE != 0
    }

    /// Owner: the output, once; None when there is none, because the task was cancelled or the output was taken before.
    pub(super) fn take_output<T>(&self) -> Option<Outcome<T>> {
        let flags = &self.header().flags;
        if flags.get() & OUTPUT == 0 {
            return None;
        }
        flags.set(flags.get() & !OUTPUT);
        let mut output = std::mem::MaybeUninit::<Outcome<T>>::uninit();
        // SAFETY: [T3] OUTPUT was set, so the body holds the output, which is moved out once; the handle's type is that of the future.
        unsafe { (self.vtable().take_output)(*self, output.as_mut_ptr().cast()) };
        // SAFETY: [T3] the call above has written it.
        Some(unsafe { output.assume_init() })
    }

    pub(super) fn joiner(&self) -> &OwnerCell<Option<LocalWaker>> {
        &self.header().joiner
    }

    /// Owner: the handle goes away. A joiner goes while HANDLE still keeps the task, for its drop may be anybody's code.
    pub(super) fn drop_handle(self) {
        let header = self.header();
        if header.flags.get() & DONE == 0 {
            let joiner = header.joiner.take();
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(joiner))) {
                self.orphan_panic(payload);
            }
        }
        let flags = header.flags.get() & !HANDLE;
        header.flags.set(flags);
        if flags & DONE != 0 {
            // RUNNING as in `finish`, which may be under way: the output's drop may give back the task's last local reference (a handle
            // that the task had awaited lies in it), which must not free the task yet.
            header.flags.set(flags | RUNNING);
            self.discard_output();
            header.flags.set((header.flags.get() & !RUNNING) | (flags & RUNNING));
            self.settle();
        }
    }
}

// -- what differs by type ------------------------------------------------------------------------------------------------------------

impl<F: Future, N> Cell<F, N> {
    /// # Safety
    ///
    /// The task was made with these types.
    unsafe fn of<'a>(task: TaskRef) -> &'a Self {
        // SAFETY: [T2] the header is the first field of a `repr(C)` cell of this type, by the contract above; another type would be read
        // at wrong offsets.
        unsafe { task.0.cast::<Self>().as_ref() }
    }
}

unsafe fn poll<F: Future, N: Label>(task: TaskRef, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: [T2] this function sits in the vtable of exactly this type.
    let cell = unsafe { Cell::<F, N>::of(task) };
    cell.body.with_mut(|body| {
        // SAFETY: [T3] the caller says that the body holds the future and that nobody else touches it.
        let future = unsafe { &mut *body.cast::<F>() };
        // SAFETY: [T3] the block never moves and the future is dropped in place before the block is freed.
        let output = match unsafe { Pin::new_unchecked(&mut *future) }.poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(output) => output,
        };
        // The future goes first: whoever sees the output finds everything released that the future held.
        // SAFETY: [T3] the future has returned its output and is not polled again; OUTPUT and DONE follow.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { ptr::drop_in_place(future) }));
        let outcome = match dropped {
            Ok(()) => Ok(output),
            Err(payload) => {
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(output))) {
                    task.orphan_panic(second);
                }
                Err(Box::new(Panic::new(payload, task.info())))
            }
        };
        // SAFETY: [T3] the future is gone, so the body is free for the output.
        unsafe { body.cast::<Outcome<F::Output>>().write(outcome) };
        Poll::Ready(())
    })
}

unsafe fn drop_future<F: Future, N: Label>(task: TaskRef) {
    // SAFETY: [T2] this function sits in the vtable of exactly this type.
    let cell = unsafe { Cell::<F, N>::of(task) };
    cell.body.with_mut(|body| {
        // SAFETY: [T3] the caller says that the body holds the future, and sets DONE afterwards.
        unsafe { ptr::drop_in_place(body.cast::<F>()) }
    });
}

unsafe fn put_panic<F: Future, N: Label>(task: TaskRef, panic: Box<Panic>) {
    // SAFETY: [T2] this function sits in the vtable of exactly this type.
    let cell = unsafe { Cell::<F, N>::of(task) };
    cell.body.with_mut(|body| {
        // SAFETY: [T3] the caller has dropped the future, so nothing is overwritten that would have to be dropped.
        unsafe { body.cast::<Outcome<F::Output>>().write(Err(panic)) }
    });
}

unsafe fn take_output<F: Future, N: Label>(task: TaskRef, to: *mut ()) {
    // SAFETY: [T2] this function sits in the vtable of exactly this type.
    let cell = unsafe { Cell::<F, N>::of(task) };
    cell.body.with_mut(|body| {
        // SAFETY: [T3] the caller says that the body holds the output, and has cleared OUTPUT, so that it is not read again.
        let output = unsafe { body.cast::<Outcome<F::Output>>().read() };
        // SAFETY: [T3] the caller passes room for exactly this type.
        unsafe { to.cast::<Outcome<F::Output>>().write(output) };
    });
}

unsafe fn discard_output<F: Future, N: Label>(task: TaskRef) -> Option<Payload> {
    let mut output = std::mem::MaybeUninit::<Outcome<F::Output>>::uninit();
    // SAFETY: [T3] the contract is the same, and there is room.
    unsafe { take_output::<F, N>(task, output.as_mut_ptr().cast()) };
    // SAFETY: [T3] the call above has written it.
    match unsafe { output.assume_init() } {
        Err(panic) => Some(panic.into_payload()),
        Ok(output) => catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
    }
}

unsafe fn name<F: Future, N: Label>(task: TaskRef) -> Option<NonNull<str>> {
    // SAFETY: [T2] this function sits in the vtable of exactly this type.
    unsafe { Cell::<F, N>::of(task) }.label.name().map(NonNull::from)
}

unsafe fn free<F: Future, N: Label>(task: TaskRef) {
    // SAFETY: [T1] the caller was told to free.
    if let Some(block) = unsafe { close::<F, N>(task) } {
        // SAFETY: [B1] the block was asked for with this layout, and nothing lives in it any more.
        unsafe { blocks::free(block, Layout::new::<Cell<F, N>>()) };
    }
}

unsafe fn settle<F: Future, N: Label, S: Schedule>(task: TaskRef) {
    let header = task.header();
    let executor = header.executor;
    if header.flags.get() & ANCHORED == 0 {
        // SAFETY: [T4] not ANCHORED: the executor is still there and this is its thread; a registry slot left behind would dangle.
        unsafe { S::forget(executor, task) };
        if header.remote.is_sole() {
            // SAFETY: [T1] nobody else can reach the block, and this is the owner; freeing it twice or early would be the harm.
            if let Some(block) = unsafe { close::<F, N>(task) } {
                // SAFETY: [T4] as above.
                let mut blocks = unsafe { S::blocks(executor) }.borrow_mut();
                // SAFETY: [B1] the block was asked for with this layout, and nothing lives in it any more.
                unsafe { blocks.put(block, Layout::new::<Cell<F, N>>()) };
            }
            return;
        }
        // SAFETY: [T4] as above; taken before DEAD can be seen, so that whoever frees the task finds the executor's memory alive.
        unsafe { S::retain(executor) };
        header.flags.set(header.flags.get() | ANCHORED);
    }
    if header.remote.retire() == Released::Free {
        task.free_retired();
    }
}

/// Ends what still lives in the block: the label. Under loom the memory is kept for ever, so that a use after free meets the canary
/// instead of somebody else's block.
unsafe fn close<F: Future, N: Label>(task: TaskRef) -> Option<NonNull<u8>> {
    #[cfg(wakeline_loom)]
    {
        task.header_even_if_freed().canary.free();
        None
    }
    #[cfg(not(wakeline_loom))]
    {
        let cell = task.0.cast::<Cell<F, N>>();
        // SAFETY: [T1] nobody else can reach the block; the body is empty (DONE, output taken) and a union drops nothing, so what ends
        // here is the label.
        unsafe { ptr::drop_in_place(cell.as_ptr()) };
        Some(cell.cast())
    }
}

#[cfg(wakeline_loom)]
impl TaskRef {
    fn header_even_if_freed(&self) -> &Header {
        // SAFETY: [T2] under loom the memory is never given back.
        unsafe { self.0.as_ref() }
    }
}
