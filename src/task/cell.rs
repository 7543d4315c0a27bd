//! The task's one allocation: its layout, and what differs by the type of the future.
//!
//! ```text
//! Header (56 bytes)                                    who may touch it when
//!  0  remote          the remote word                  everybody, by its transitions
//!  8  inbox_next      link in the inbox                the one that has the task as `Linked`; in the inbox nobody
//! 16  executor        address of the executor          everybody; written by the one who begins a task that waits
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
//! [`TaskRef`] is a task's address and stays in this room: its functions, and those of the vtable,
//! rely on the rules in `state` and not on types. What the rooms above hold are the types of
//! `refs`, each of which owns what it says.
//!
//! Rejected: a slot for the joiner's whole waker (16 bytes that most tasks never use) and a header
//! over two lines (every remote wake takes the line from the owner, who needs all of it anyway).

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::error::{Panic, Payload, TaskId, TaskInfo};
use super::flags::Flags;
use super::site::Site;
use super::state::RemoteWord;
use crate::sync::{Canary, OwnerCell, RawCell};

/// What the body holds once the task has ended by itself.
pub(super) type Outcome<T> = Result<T, Box<Panic>>;

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
    pub(super) inbox_next: RawCell<*mut ()>,
    /// The memory of an `Arc` of whatever implements `Schedule`.
    pub(super) executor: OwnerCell<NonNull<()>>,
    pub(super) vtable: &'static VTable,
    pub(super) run_next: OwnerCell<Option<TaskRef>>,
    pub(super) joiner: OwnerCell<Option<LocalWaker>>,
    pub(super) flags: OwnerCell<Flags>,
    pub(super) local_refs: OwnerCell<u8>,
    pub(super) site: Site,
    /// Its slot in the registry. Of a task that is ANCHORED it is free for the numbering of tasks:
    /// zero from `anchor` on.
    pub(super) registry_index: OwnerCell<u32>,
    pub(super) canary: Canary,
}

#[cfg(all(not(wakeline_loom), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Header>() == 56);

/// The whole allocation.
#[repr(C)]
pub(super) struct Cell<F: Future, N> {
    pub(super) header: Header,
    pub(super) body: RawCell<Body<F>>,
    pub(super) label: N,
}

/// The future until DONE; its output while OUTPUT; nothing otherwise. `repr(C)`: both lie at the
/// front.
#[repr(C)]
pub(super) union Body<F: Future> {
    pub(super) future: ManuallyDrop<F>,
    output: ManuallyDrop<Outcome<F::Output>>,
}

/// What differs by the types of the future, the label and the executor. Made in `vtable`.
pub(super) struct VTable {
    /// Owner. Polls the future; when it is ready, drops it and leaves its output in the body.
    pub(super) poll: fn(TaskRef, &mut Context<'_>) -> Poll<()>,
    /// Owner. Drops the future in place.
    pub(super) drop_future: fn(TaskRef),
    /// Owner. Leaves a panic in the body, where the future was.
    pub(super) put_panic: fn(TaskRef, Box<Panic>),
    /// Owner. Moves the output to the address, which is that of room for an `Outcome<T>`.
    pub(super) take_output: fn(TaskRef, *mut ()),
    /// Owner. Drops the output and returns the panic in it, or the panic of that drop.
    pub(super) discard_output: fn(TaskRef) -> Option<Payload>,
    /// Does it have a name to ask for? An answer without a call, for every poll.
    pub(super) named: bool,
    /// Everybody with a reference.
    pub(super) name: fn(TaskRef) -> Option<NonNull<str>>,
    /// Everybody with a reference, of a task that another thread spawned; else the owner.
    pub(super) number: fn(TaskRef) -> NonZero<u64>,
    /// Owner. Gives up the registry's reference; frees the task if it was the last.
    pub(super) settle: fn(TaskRef),
    /// Owner, of a task that is registered: it is not any more, and keeps the executor's memory.
    pub(super) anchor: fn(TaskRef),
    /// The one who was told to, on whatever thread.
    pub(super) free: fn(TaskRef),
    /// Owner: `Schedule::ready`.
    pub(super) ready: fn(TaskRef),
    /// Who has won QUEUED: `Schedule::push`. What an inbox refuses is unlinked.
    pub(super) push: fn(TaskRef),
    /// Who ends a task that was not begun: `Schedule::abandoned`.
    pub(super) abandoned: fn(TaskRef),
    /// Who holds the link of such a task: `Schedule::reclaimed`.
    pub(super) reclaimed: fn(TaskRef),
    /// Owner: `Schedule::orphan_panic`.
    pub(super) orphan_panic: fn(TaskRef, Payload),
    /// What implements `Schedule`.
    pub(super) schedule: fn() -> TypeId,
    /// Everybody: one less reference to the executor's memory.
    pub(super) release: fn(NonNull<()>),
}

/// The address of a task. Copying it counts nothing: its keeper says by which reference the
/// task stays alive [T2].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TaskRef(pub(super) NonNull<Header>);

impl TaskRef {
    /// What wakers and the inbox keep.
    pub(super) fn address(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// Back from an address that [`TaskRef::address`] gave.
    #[inline]
    pub(super) fn from_address(address: *mut ()) -> Self {
        Self(NonNull::new(address.cast()).expect("no task lies at null"))
    }

    /// Before the address goes where it will be only a number: from here on
    /// [`TaskRef::from_exposed`] finds back.
    #[inline]
    pub(super) fn expose(self) {
        self.0.as_ptr().expose_provenance();
    }

    /// Back from the address of a living task that was [exposed](TaskRef::expose), or null. What
    /// the pointer itself may be used for is not asked: it may be that of a task that lay there
    /// before.
    #[inline]
    pub(super) fn from_exposed(address: *mut ()) -> Option<Self> {
        NonNull::new(ptr::with_exposed_provenance_mut(address.addr())).map(Self)
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: [T2] the holder of a TaskRef holds a reference or is the owner of an unsettled
        // task, so the block is not freed; without that, this would read freed memory.
        let header = unsafe { self.0.as_ref() };
        header.canary.check();
        header
    }

    /// The owner's; of a task that another thread spawned, everybody's who has a reference.
    pub(super) fn id(&self) -> TaskId {
        TaskId((self.header().vtable.number)(*self))
    }

    /// The memory of its executor.
    #[inline]
    pub(super) fn executor(&self) -> NonNull<()> {
        self.header().executor.get()
    }

    /// Who holds the link: where it leads to.
    #[inline]
    pub(super) fn inbox_next(self) -> *mut () {
        // SAFETY: [I1] the link is the caller's, who is the only one to touch it; another one's
        // write at the same time would tear the list.
        self.header().inbox_next.with(|link| unsafe { *link })
    }

    /// Who holds the link: where it shall lead to.
    #[inline]
    pub(super) fn set_inbox_next(self, next: *mut ()) {
        // SAFETY: [I1] the link is the caller's, who is the only one to touch it; of two writers
        // one would lose its list.
        self.header().inbox_next.with_mut(|link| unsafe { *link = next });
    }

    pub(super) fn run_next(&self) -> &OwnerCell<Option<TaskRef>> {
        &self.header().run_next
    }

    /// Can be read for as long as whatever keeps the task is borrowed.
    pub(super) fn name<K: ?Sized>(self, _keeper: &K) -> Option<&str> {
        let name = (self.header().vtable.name)(self);
        // SAFETY: [T2] the label is not written after the task was made and lives as long as the
        // block, which the keeper keeps; without one the text would dangle.
        name.map(|name| unsafe { name.as_ref() })
    }

    /// What messages say of it. Whose it is to ask is said at [`id`](TaskRef::id).
    pub(super) fn info(&self) -> TaskInfo {
        TaskInfo::new(self.id(), self.name(self), self.header().site)
    }

    /// Owner: the output, which is there and is a `T`.
    pub(super) fn read_output<T>(self) -> Outcome<T> {
        let mut output = MaybeUninit::<Outcome<T>>::uninit();
        (self.header().vtable.take_output)(self, output.as_mut_ptr().cast());
        // SAFETY: [T3] the call above has written it: the handle's type is that of the future's
        // output, or it would be read as another.
        unsafe { output.assume_init() }
    }

    /// Owner: the executor goes away, or lets go of the task, which keeps the executor's memory
    /// from here on and does not come back to the registry.
    pub(super) fn anchor(self) {
        if !self.header().flags.get().is_anchored() {
            (self.header().vtable.anchor)(self);
        }
    }

    /// Links the task into its executor's inbox; the caller has won QUEUED and holds a reference.
    pub(super) fn push(self) {
        (self.header().vtable.push)(self);
    }

    /// Frees a task that had been retired, and gives back the reference to the executor's memory
    /// that it held.
    pub(super) fn free_retired(self) {
        let (vtable, executor) = (self.header().vtable, self.executor());
        (vtable.free)(self);
        (vtable.release)(executor);
    }
}
