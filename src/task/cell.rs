//! The task's one allocation — owns its layout, and what differs by the type of the future —
//! must never know who runs it.
//!
//! ```text
//! Header (56 bytes)                                    who may touch it when
//!  0  remote          the remote word                  everybody, by its transitions
//!  8  inbox_next      link in the inbox                the thread that won QUEUED until the push; then the owner until it unlinks
//! 16  executor        address of the executor          everybody; written by the one who adopts an unstarted task
//! 24  vtable          what differs by type             everybody, constant
//! 32  run_next        link in the run queue            owner
//! 40  joiner          who awaits the handle            owner
//! 48  flags           READY RUNNING DONE …             owner
//! 49  local_refs      references that cannot travel    owner
//! 50  site            where it was spawned             everybody, constant
//! 52  registry_index  slot in the registry             owner
//! 56  Body            the future, later its output     owner
//!     Label           the name, if it has one          everybody, constant until the free
//! ```
//!
//! The header fits one cache line together with a small future, and a future of 16 bytes makes a
//! block of 72, which malloc rounds to 80. That is why the name is a type parameter (a task without
//! a name has no field for it), why the spawn site is a number, why an awaiting waker is eight
//! bytes, and why flags and local count are bytes.
//!
//! Tasks lie below executors, so a task cannot call one. An executor implements
//! [`Schedule`], and each task carries the functions in its vtable beside those of its future's
//! type.
//!
//! The functions of the vtable, and the methods here that call them, rely on the rules in `state`
//! and not on types: they are for the files of this module alone, above all for `lifecycle`, which
//! says when each of them may be called.
//!
//! Rejected: a slot for the joiner's whole waker (16 bytes that most tasks never use) and a header
//! over two lines (every remote wake takes the line from the owner, who needs all of it anyway).

use std::alloc::Layout;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::error::{Panic, Payload, TaskId, TaskInfo, discard};
use super::flags::Flags;
use super::free_list::{self, FreeList};
use super::label::Label;
use super::site::Site;
use super::state::{Released, RemoteWord, Snapshot};
use crate::sync::{Arc, Canary, OwnerCell, RawCell};

/// What the body holds once the task has ended by itself.
pub(super) type Outcome<T> = Result<T, Box<Panic>>;

/// What a task asks of its executor, whose memory is that of an `Arc`.
pub(crate) trait Schedule: 'static {
    /// Owner: the task has become ready; its flag READY has just been set.
    fn ready(&self, task: TaskRef);

    /// Any thread: puts the task into the inbox. False when it is closed.
    fn push(&self, task: TaskRef) -> bool;

    /// Any thread: a task that waits in the inbox, or anywhere else outside, was ended before it
    /// was begun. Its link stays until somebody takes it out.
    fn abandoned(&self) {}

    /// Any thread: such a one was taken out.
    fn reclaimed(&self) {}

    /// Owner: the task is over; take it out of the registry.
    fn forget(&self, task: TaskRef);

    /// Owner: a panic that has no receiver.
    fn orphan_panic(&self, payload: Payload);

    /// Owner: the number of a task that does not keep it itself.
    fn number(&self, task: TaskRef) -> NonZero<u64>;

    /// Owner: where the blocks of ended tasks wait for new ones.
    fn blocks(&self) -> &RefCell<FreeList>;
}

/// A waker that stays on its thread: an address, and in its low bits whose. What that means, and
/// all that can be done with it, is in `waker`; here is what the header keeps of it.
pub(crate) struct LocalWaker {
    pub(super) pointer: NonNull<()>,
    /// Not `Send`: the plain count belongs to this thread.
    pub(super) local: PhantomData<*const ()>,
}

/// The type-erased front of every task.
#[repr(C)]
pub(super) struct Header {
    pub(super) remote: RemoteWord,
    /// An address, or null; [`TaskRef::from_exposed`] makes a task of it.
    inbox_next: RawCell<*mut ()>,
    /// The memory of an `Arc` of whatever implements [`Schedule`]. Another thread asks for it when
    /// it has won QUEUED, or where the task can only be one that was begun: see [`TaskRef::adopt`].
    executor: OwnerCell<NonNull<()>>,
    vtable: &'static VTable,
    run_next: OwnerCell<Option<TaskRef>>,
    pub(super) joiner: OwnerCell<Option<LocalWaker>>,
    pub(super) flags: OwnerCell<Flags>,
    pub(super) local_refs: OwnerCell<u8>,
    site: Site,
    /// Its slot in the registry; once the executor has gone, see [`TaskRef::registry_index`].
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

/// The future until DONE; its output while OUTPUT; nothing otherwise. `repr(C)`: both lie at the
/// front.
#[repr(C)]
union Body<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Outcome<F::Output>>,
}

/// What differs by the types of the future, the label and the executor.
struct VTable {
    /// Owner. Polls the future; when it is ready, drops it and leaves its output in the body.
    poll: fn(TaskRef, &mut Context<'_>) -> Poll<()>,
    /// Owner. Drops the future in place.
    drop_future: fn(TaskRef),
    /// Owner. Leaves a panic in the body, where the future was.
    put_panic: fn(TaskRef, Box<Panic>),
    /// Owner. Moves the output to the address, which is that of room for an `Outcome<T>`.
    take_output: fn(TaskRef, *mut ()),
    /// Owner. Drops the output and returns the panic in it, or the panic of that drop.
    discard_output: fn(TaskRef) -> Option<Payload>,
    /// Does it have a name to ask for? An answer without a call, for every poll.
    named: bool,
    /// Everybody with a reference.
    name: fn(TaskRef) -> Option<NonNull<str>>,
    /// Everybody with a reference, of a task that another thread spawned; else the owner.
    number: fn(TaskRef) -> NonZero<u64>,
    /// Owner. Gives up the registry's reference; frees the task if it was the last.
    settle: fn(TaskRef),
    /// The one who was told to, on whatever thread.
    free: fn(TaskRef),
    /// Owner: [`Schedule::ready`].
    ready: fn(TaskRef),
    /// Everybody with a reference: [`Schedule::push`].
    push: fn(TaskRef) -> bool,
    /// Who ends a task that was not begun, before it gives up the registry's reference:
    /// [`Schedule::abandoned`].
    abandoned: fn(TaskRef),
    /// Who holds the link of such a task: [`Schedule::reclaimed`].
    reclaimed: fn(TaskRef),
    /// Owner: [`Schedule::orphan_panic`].
    orphan_panic: fn(TaskRef, Payload),
    /// Everybody: one more reference to the executor's memory.
    retain: fn(NonNull<()>),
    /// Everybody: one less.
    release: fn(NonNull<()>),
}

struct VTableOf<F, N, S>(PhantomData<(F, N, S)>);

impl<F: Future, N: Label, S: Schedule> VTableOf<F, N, S> {
    const VTABLE: VTable = VTable {
        poll: poll::<F, N>,
        drop_future: drop_future::<F, N>,
        put_panic: put_panic::<F, N>,
        take_output: take_output::<F, N>,
        discard_output: discard_output::<F, N>,
        named: N::NAMED,
        name: name::<F, N>,
        number: number::<F, N, S>,
        settle: settle::<F, N, S>,
        free: free::<F, N>,
        ready: |task| executor::<S>(&task).ready(task),
        push: |task| executor::<S>(&task).push(task),
        abandoned: |task| executor::<S>(&task).abandoned(),
        reclaimed: |task| executor::<S>(&task).reclaimed(),
        orphan_panic: |task, payload| executor::<S>(&task).orphan_panic(payload),
        retain: retain::<S>,
        release: release::<S>,
    };
}

/// The address of a task. Copying it counts nothing: its keeper says by which reference the
/// task stays alive [T2].
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

/// Puts a future on the heap. Nothing is linked or registered yet. `executor` is the memory of an
/// `Arc<S>`.
pub(crate) fn allocate<F: Future, N: Label, S: Schedule>(
    future: F,
    label: N,
    executor: NonNull<()>,
    site: Site,
    origin: Origin,
) -> TaskRef {
    let (snapshot, flags) = match origin {
        Origin::Owner => (Snapshot::LOCAL, Flags::LOCAL),
        Origin::Remote => (Snapshot::REMOTE, Flags::REMOTE),
        Origin::Root => (Snapshot::LOCAL, Flags::ROOT),
    };
    let layout = Layout::new::<Cell<F, N>>();
    let block = match origin {
        // SAFETY: [T4] the owner spawns, so its executor's memory lives; a stale address would be
        // read as a store of blocks.
        Origin::Owner => unsafe { executor.cast::<S>().as_ref() }.blocks().borrow_mut().take(layout),
        Origin::Remote | Origin::Root => free_list::allocate(layout),
    };
    let cell = Cell {
        header: Header {
            remote: RemoteWord::new(snapshot),
            inbox_next: RawCell::new(ptr::null_mut()),
            executor: OwnerCell::new(executor),
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
    // SAFETY: [B1] the block was asked for with this layout and nothing lives in it; a smaller one
    // would be overrun.
    unsafe { block.cast().write(cell) };
    TaskRef(block.cast())
}

impl TaskRef {
    /// What wakers and the inbox keep.
    pub(crate) fn address(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// Back from an address that [`TaskRef::address`] gave, or null.
    #[inline]
    pub(crate) fn from_address(address: *mut ()) -> Option<Self> {
        NonNull::new(address.cast()).map(Self)
    }

    /// Before the address goes where it will be only a number: from here on
    /// [`TaskRef::from_exposed`] finds back.
    #[inline]
    pub(crate) fn expose(&self) {
        self.0.as_ptr().expose_provenance();
    }

    /// Back from the address of a living task that was [exposed](TaskRef::expose), or null. What
    /// the pointer itself may be used for is not asked: it may be that of a task that lay there
    /// before.
    #[inline]
    pub(crate) fn from_exposed(address: *mut ()) -> Option<Self> {
        NonNull::new(ptr::with_exposed_provenance_mut(address.addr())).map(Self)
    }

    /// The owner's; of a task that another thread spawned, everybody's who has a reference.
    pub(crate) fn id(&self) -> TaskId {
        TaskId((self.header().vtable.number)(*self))
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: [T2] the holder of a TaskRef holds a reference or is the owner of an unsettled
        // task, so the block is not freed; without that, this would read freed memory.
        let header = unsafe { self.0.as_ref() };
        header.canary.check();
        header
    }

    /// The identity of its executor.
    #[inline]
    pub(crate) fn executor(&self) -> *const () {
        self.header().executor.get().as_ptr()
    }

    /// The owner to be of a task that waits unstarted: makes it a task of this executor. It was
    /// made with QUEUED, which is cleared by `unlink` alone; until then no other thread wins the
    /// bit, so none asks whose task it is. `unlink` comes next, and publishes the answer.
    pub(crate) fn adopt(self, executor: NonNull<()>) {
        self.header().executor.set(executor);
    }

    pub(crate) fn inbox_next(&self) -> &RawCell<*mut ()> {
        &self.header().inbox_next
    }

    pub(crate) fn run_next(&self) -> &OwnerCell<Option<TaskRef>> {
        &self.header().run_next
    }

    /// Of a task that is ANCHORED it is free for the numbering of tasks: zero from `anchor` on.
    pub(crate) fn registry_index(&self) -> &OwnerCell<u32> {
        &self.header().registry_index
    }

    /// Can be read as long as a reference is held.
    pub(crate) fn name(&self) -> Option<&str> {
        let name = (self.header().vtable.name)(*self);
        // SAFETY: [T2] the label is not written after the task was made and lives as long as the
        // block, or the text would dangle.
        name.map(|name| unsafe { name.as_ref() })
    }

    /// [`TaskRef::name`], without a call where there is none.
    #[inline]
    pub(crate) fn quick_name(&self) -> Option<&str> {
        if self.header().vtable.named { self.name() } else { None }
    }

    /// The line that spawned it.
    #[inline]
    pub(crate) fn site(&self) -> Site {
        self.header().site
    }

    /// What messages say of it. Whose it is to ask is said at [`id`](TaskRef::id).
    pub(crate) fn info(&self) -> TaskInfo {
        TaskInfo::new(self.id(), self.name(), self.header().site)
    }

    // What differs by type. Who may call each of them when is said at the vtable's fields.

    #[inline]
    pub(super) fn poll_future(self, cx: &mut Context<'_>) -> Poll<()> {
        (self.header().vtable.poll)(self, cx)
    }

    pub(super) fn drop_future_in_place(self) {
        (self.header().vtable.drop_future)(self);
    }

    pub(super) fn put_panic(self, panic: Box<Panic>) {
        (self.header().vtable.put_panic)(self, panic);
    }

    pub(super) fn read_output<T>(self) -> Outcome<T> {
        let mut output = MaybeUninit::<Outcome<T>>::uninit();
        (self.header().vtable.take_output)(self, output.as_mut_ptr().cast());
        // SAFETY: [T3] the call above has written it: the handle's type is that of the future's
        // output, or it would be read as another.
        unsafe { output.assume_init() }
    }

    pub(super) fn drop_output(self) -> Option<Payload> {
        (self.header().vtable.discard_output)(self)
    }

    pub(super) fn give_up(self) {
        (self.header().vtable.settle)(self);
    }

    pub(super) fn tell_ready(self) {
        (self.header().vtable.ready)(self);
    }

    pub(super) fn push_into_inbox(self) -> bool {
        (self.header().vtable.push)(self)
    }

    /// Who ends a task that was not begun. The executor's memory is alive: the link is still there,
    /// or the one that gave it up has taken a reference for the task; and nobody writes the
    /// executor's address, for that is done to tasks that were begun.
    pub(super) fn tell_abandoned(self) {
        (self.header().vtable.abandoned)(self);
    }

    /// Who holds the link of such a task.
    pub(super) fn tell_reclaimed(self) {
        (self.header().vtable.reclaimed)(self);
    }

    /// Owner: a panic that nobody can receive goes to the executor's policy.
    pub(super) fn orphan_panic(self, payload: Payload) {
        (self.header().vtable.orphan_panic)(self, payload);
    }

    pub(super) fn retain_executor(self) {
        (self.header().vtable.retain)(self.header().executor.get());
    }

    /// Frees a task that had been retired, and gives back the reference to the executor's memory
    /// that it held.
    pub(super) fn free_retired(self) {
        let (vtable, executor) = (self.header().vtable, self.header().executor.get());
        (vtable.free)(self);
        (vtable.release)(executor);
    }
}

/// The task's executor, as the type that its vtable was made with.
#[inline]
fn executor<S: Schedule>(task: &TaskRef) -> &S {
    // SAFETY: [T4] the executor's memory lives as long as a task that can be asked; only functions
    // of a vtable made with `S` come here, or it would be read as another type.
    unsafe { task.header().executor.get().cast().as_ref() }
}

fn retain<S: Schedule>(executor: NonNull<()>) {
    // SAFETY: [T4] the memory is that of an `Arc<S>`, alive as of yet; a freed one would be
    // revived.
    unsafe { Arc::increment_strong_count(executor.cast::<S>().as_ptr().cast_const()) };
}

fn release<S: Schedule>(executor: NonNull<()>) {
    // SAFETY: [T4] the reference was taken by `retain` and is given back once; twice would free the
    // memory under others.
    unsafe { Arc::decrement_strong_count(executor.cast::<S>().as_ptr().cast_const()) };
}

/// The whole cell, as the types that its vtable was made with.
#[inline]
fn cell<F: Future, N>(task: &TaskRef) -> &Cell<F, N> {
    // SAFETY: [T2] the header is the first field of a `repr(C)` cell, of this very type because
    // only functions of its vtable come here; another type would be read at wrong offsets.
    unsafe { task.0.cast().as_ref() }
}

fn poll<F: Future, N: Label>(task: TaskRef, cx: &mut Context<'_>) -> Poll<()> {
    cell::<F, N>(&task).body.with_mut(|body| {
        // SAFETY: [T3] the owner polls a task that is RUNNING and not DONE, so the body holds the
        // future and nobody else touches it.
        let future = unsafe { &mut *body.cast::<F>() };
        // SAFETY: [T3] the block never moves and the future is dropped in place before the block is
        // freed; else a pinned future would move.
        let output = match unsafe { Pin::new_unchecked(&mut *future) }.poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(output) => output,
        };
        // The future goes first: a reader of the output finds everything released that the future
        // held. SAFETY: [T3] the future has returned its output and DONE follows, so it is dropped
        // once; a poll or a drop after this one would touch a dead future.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { ptr::drop_in_place(future) }));
        task.tell_watchers();
        let outcome = match dropped {
            Ok(()) => Ok(output),
            Err(payload) => {
                // The task ends with its first panic; one of the output's drop would be the second.
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(output))) {
                    discard(second);
                }
                Err(Box::new(Panic::new(payload, task.info())))
            }
        };
        // SAFETY: [T3] the future was dropped above, so the body is empty; a living one would be
        // overwritten, and never dropped.
        unsafe { body.cast::<Outcome<F::Output>>().write(outcome) };
        Poll::Ready(())
    })
}

fn drop_future<F: Future, N: Label>(task: TaskRef) {
    cell::<F, N>(&task).body.with_mut(|body| {
        // SAFETY: [T3] the task is not DONE, so the body holds the future, and DONE follows;
        // dropping it twice would be the harm.
        unsafe { ptr::drop_in_place(body.cast::<F>()) }
    });
}

fn put_panic<F: Future, N: Label>(task: TaskRef, panic: Box<Panic>) {
    cell::<F, N>(&task).body.with_mut(|body| {
        // SAFETY: [T3] the caller has dropped the future, so the body is empty; a living one would
        // be overwritten, and never dropped.
        unsafe { body.cast::<Outcome<F::Output>>().write(Err(panic)) }
    });
}

fn read_body<F: Future, N: Label>(task: TaskRef) -> Outcome<F::Output> {
    cell::<F, N>(&task).body.with_mut(|body| {
        // SAFETY: [T3] OUTPUT was set, so the body holds the output, and the caller has cleared it;
        // were it still set, the output would be moved out twice.
        unsafe { body.cast::<Outcome<F::Output>>().read() }
    })
}

fn take_output<F: Future, N: Label>(task: TaskRef, to: *mut ()) {
    // SAFETY: [T3] the caller passes room for exactly this type; anything smaller would be overrun.
    unsafe { to.cast::<Outcome<F::Output>>().write(read_body::<F, N>(task)) };
}

fn discard_output<F: Future, N: Label>(task: TaskRef) -> Option<Payload> {
    match read_body::<F, N>(task) {
        Err(panic) => Some(panic.into_payload()),
        Ok(output) => catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
    }
}

fn name<F: Future, N: Label>(task: TaskRef) -> Option<NonNull<str>> {
    cell::<F, N>(&task).label.name().map(NonNull::from)
}

fn number<F: Future, N: Label, S: Schedule>(task: TaskRef) -> NonZero<u64> {
    cell::<F, N>(&task).label.number().unwrap_or_else(|| executor::<S>(&task).number(task))
}

fn settle<F: Future, N: Label, S: Schedule>(task: TaskRef) {
    let header = task.header();
    if !header.flags.get().is_anchored() {
        let owner = executor::<S>(&task);
        if !header.flags.get().is_root() {
            owner.forget(task);
        }
        if header.remote.is_sole() {
            if let Some(block) = close::<F, N>(task) {
                // SAFETY: [B1] the block was asked for with this layout, and `close` has ended all
                // that lived in it; another layout would put it among blocks of another size.
                unsafe { owner.blocks().borrow_mut().put(block, Layout::new::<Cell<F, N>>()) };
            }
            return;
        }
        // Before DEAD can be seen, so that the thread that frees the task finds the executor's
        // memory alive.
        retain::<S>(header.executor.get());
        header.flags.set(header.flags.get().anchored());
    }
    if header.remote.retire() == Released::Free {
        task.free_retired();
    }
}

fn free<F: Future, N: Label>(task: TaskRef) {
    if let Some(block) = close::<F, N>(task) {
        // SAFETY: [B1] the block was asked for with this layout, and `close` has ended all that
        // lived in it; another layout would corrupt the allocator.
        unsafe { free_list::free(block, Layout::new::<Cell<F, N>>()) };
    }
}

/// Ends what still lives in the block: the label. Under loom the memory is kept for ever, so that a
/// use after free meets the canary instead of somebody else's block.
fn close<F: Future, N: Label>(task: TaskRef) -> Option<NonNull<u8>> {
    #[cfg(wakeline_loom)]
    {
        cell::<F, N>(&task).header.canary.free();
        None
    }
    #[cfg(not(wakeline_loom))]
    {
        let cell = task.0.cast::<Cell<F, N>>();
        // SAFETY: [T1] the word has said that nobody else can reach the block. The body is empty
        // (DONE, output taken) and a union drops nothing, so what ends here is the label; a second
        // call would drop it twice.
        unsafe { ptr::drop_in_place(cell.as_ptr()) };
        Some(cell.cast())
    }
}
