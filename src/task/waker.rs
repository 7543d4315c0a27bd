//! The waker of a task, and the one that stays on its thread. A wake allocates nothing, never
//! blocks or panics, and runs no code of a user's.
//!
//! A [`Waker`] of ours is the task's address with one counted reference. There is a single `static`
//! vtable for all tasks of all types, so that `will_wake` compares right: a constant promoted per
//! crate or per code unit would have several addresses.
//!
//! \[W1\] A waker's reference is given back after its last access to the header and to the
//! executor: `wake` is `wake_by_ref`, then drop. A push makes the task visible to its owner, who
//! may end it and the executor before the pusher comes to notify; the reference still held is what
//! keeps both in memory.
//!
//! [`LocalWaker`] is what the owner's own structures keep (the wheel, the sources, a joining task):
//! eight bytes, not `Send`. For a task of the executor that is running it is the task's address and
//! one count in the header's plain `local_refs`; keeping and dropping it costs no atomic operation.
//! The 256th local one of a task, one of another executor's task, and one of a task that is over,
//! holds a reference as a [`Waker`] does. A waker that is not ours is boxed.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::{LocalWaker, TaskRef};
use super::current;
use super::error::contain;

/// The one vtable.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The task of a waker of ours.
#[inline]
fn task_at(address: *const ()) -> TaskRef {
    TaskRef::from_address(address.cast_mut())
}

unsafe fn clone(task: *const ()) -> RawWaker {
    task_at(task).retain();
    RawWaker::new(task, &VTABLE)
}

unsafe fn wake(task: *const ()) {
    wake_task(task_at(task));
    // [T5] The wake is over and touches nothing any more; the reference goes last [W1].
    task_at(task).release();
}

unsafe fn wake_by_ref(task: *const ()) {
    wake_task(task_at(task));
}

unsafe fn drop_waker(task: *const ()) {
    task_at(task).release();
}

/// 4 → 5a, 5b: the one place where the two ways part.
#[inline]
fn wake_task(task: TaskRef) {
    if current::is_entered(task.executor()) {
        task.wake_local();
    } else {
        task.wake_remote();
    }
}

/// A waker that borrows the caller's right to the task: nothing is counted, and it must not outlive
/// that right.
#[inline]
pub(super) fn borrowed(task: TaskRef) -> ManuallyDrop<Waker> {
    // SAFETY: [T2] the caller's right keeps the task, whose address the functions of this vtable
    // expect. No reference is counted, so a drop of this waker would give back one that was never
    // taken.
    ManuallyDrop::new(unsafe { Waker::new(task.address(), &VTABLE) })
}

/// A waker that holds a reference which the task was made with.
pub(super) fn adopt(task: TaskRef) -> Waker {
    ManuallyDrop::into_inner(borrowed(task))
}

/// The task behind a waker of ours.
#[inline]
pub(super) fn task_of(waker: &Waker) -> Option<TaskRef> {
    is_ours(waker).then(|| task_at(waker.data()))
}

/// Is it a waker of ours? Then its clone, wake and drop run nobody's code.
#[inline]
pub(crate) fn is_ours(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &VTABLE)
}

/// The name of the task behind a waker of ours.
pub(super) fn name_of(waker: &Waker) -> Option<&str> {
    task_of(waker)?.name(waker)
}

/// The address is that of a box.
const BOXED: usize = 1;
/// The address is that of a task, which is held by a reference of the kind that every waker has;
/// without this bit, by a local one.
const COUNTED: usize = 2;

impl LocalWaker {
    #[inline]
    pub(crate) fn new(waker: &Waker) -> Self {
        let pointer = match task_of(waker) {
            Some(task) if current::is_entered(task.executor()) && task.retain_local() => task.address(),
            task => Self::hold(waker, task),
        };
        Self { pointer: NonNull::new(pointer).expect("neither a task nor a box lies at null"), local: PhantomData }
    }

    /// [`new`](Self::new) for a waker of ours only; so it runs nobody's code.
    #[inline]
    pub(crate) fn of_ours(waker: &Waker) -> Option<Self> {
        is_ours(waker).then(|| Self::new(waker))
    }

    /// The ways that are not local.
    #[cold]
    fn hold(waker: &Waker, task: Option<TaskRef>) -> *mut () {
        match task {
            Some(task) => {
                task.retain();
                task.address().map_addr(|address| address | COUNTED)
            }
            None => Box::into_raw(Box::new(waker.clone())).cast::<()>().map_addr(|address| address | BOXED),
        }
    }

    #[inline]
    fn task(&self) -> Option<TaskRef> {
        (self.pointer.addr().get() & BOXED == 0).then(|| task_at(self.pointer.as_ptr().map_addr(|address| address & !COUNTED)))
    }

    fn boxed(&self) -> *mut Waker {
        self.pointer.as_ptr().map_addr(|address| address & !BOXED).cast()
    }

    /// Would waking the other one wake the same task?
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        match self.task() {
            Some(task) => task_of(waker) == Some(task),
            // SAFETY: [T6] with the bit BOXED the pointer is that of a box which only this value
            // owns; without the bit it would be a task's, read as a waker.
            None => unsafe { &*self.boxed() }.will_wake(waker),
        }
    }

    /// Runs a foreign waker's code when it is not one of ours: never with a borrow held. It is
    /// called once, with the waker for it to keep: were the waker dropped here after a wake that
    /// panics, a second panic would end the process. The same reason lets a drop that wakes run
    /// while a panic unwinds: what this wake panics with is then discarded.
    pub(crate) fn wake(self) {
        match self.task() {
            Some(task) => wake_task(task),
            None => {
                let waker = ManuallyDrop::new(self).take_box();
                contain(|| waker.wake());
            }
        }
    }
}

impl Drop for LocalWaker {
    #[inline]
    fn drop(&mut self) {
        match self.pointer.addr().get() & (BOXED | COUNTED) {
            0 => task_at(self.pointer.as_ptr()).release_local(),
            _ => self.let_go(),
        }
    }
}

impl LocalWaker {
    /// Gives back what `hold` took.
    #[cold]
    fn let_go(&self) {
        match self.task() {
            Some(task) => task.release(),
            None => {
                let waker = self.take_box();
                contain(|| drop(waker));
            }
        }
    }

    /// At the end of this value, once.
    fn take_box(&self) -> Box<Waker> {
        // SAFETY: [T6] the box was leaked by `hold`, and this value is its only owner, now at its
        // end; twice would be a double free.
        unsafe { Box::from_raw(self.boxed()) }
    }
}

impl fmt::Debug for LocalWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalWaker").field(&self.pointer).finish()
    }
}
