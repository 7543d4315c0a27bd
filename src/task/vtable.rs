//! The functions that know a task's types: they make it, poll it, end it and free it.
//!
//! They are called through the vtable alone, and each says whose it is at the vtable's field.

use std::alloc::Layout;
use std::any::TypeId;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::cell::{Body, Cell, Header, Outcome, TaskRef, VTable};
use super::error::{Panic, Payload, discard};
use super::flags::Flags;
use super::free_list::{self, FreeList};
use super::label::Label;
use super::refs::{Linked, Queued, TaskView};
use super::schedule::{Here, Schedule, release, retain};
use super::site::Site;
use super::state::{Released, RemoteWord, Snapshot};
use crate::sync::{Canary, OwnerCell, RawCell};

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
        anchor: anchor::<S>,
        free: free::<F, N>,
        ready: |task| S::ready(Here::of(&task), Queued::won(task)),
        push: |task| drop(Here::<S>::of(&task).push(Linked::won(task))),
        abandoned: |task| Here::<S>::of(&task).abandoned(),
        reclaimed: |task| Here::<S>::of(&task).reclaimed(),
        orphan_panic: |task, payload| S::orphan_panic(Here::of(&task), payload),
        schedule: TypeId::of::<S>,
        release: release::<S>,
    };
}

/// Puts a future on the heap. Nothing is linked or registered yet. `executor` is the memory of an
/// `Arc<S>`, and `blocks` its own store of them, for a task that it registers.
pub(super) fn allocate<F: Future, N: Label, S: Schedule>(
    future: F,
    label: N,
    executor: NonNull<()>,
    blocks: Option<&RefCell<FreeList>>,
    site: Site,
    (snapshot, flags): (Snapshot, Flags),
) -> TaskRef {
    let layout = Layout::new::<Cell<F, N>>();
    let block = match blocks {
        Some(blocks) => blocks.borrow_mut().take_for_task(layout),
        None => free_list::allocate(layout),
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
                Err(task.panic_of(payload))
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
    cell::<F, N>(&task).label.number().unwrap_or_else(|| S::number(Here::of(&task), &TaskView::of(task)))
}

/// The task leans on the executor's memory no more: it holds a reference of its own. Taken before
/// DEAD can be seen, so that the thread that frees it finds that memory alive.
fn anchor<S: Schedule>(task: TaskRef) {
    let header = task.header();
    retain::<S>(task.executor());
    S::blocks(Here::of(&task)).expect("it is registered").borrow_mut().lose_task();
    header.registry_index.set(0);
    header.flags.set(header.flags.get().anchored());
}

fn settle<F: Future, N: Label, S: Schedule>(task: TaskRef) {
    let header = task.header();
    if !header.flags.get().is_anchored() {
        let here = Here::<S>::of(&task);
        match S::forget(here, &TaskView::of(task)) {
            Some(registered) if registered.is(task) => mem::forget(registered),
            // Somebody still holds it, and may look at the task.
            _ => return,
        }
        if header.remote.is_sole() {
            let mut blocks = S::blocks(here).expect("it is registered").borrow_mut();
            blocks.lose_task();
            if let Some(block) = close::<F, N>(task) {
                // SAFETY: [B1] the block was asked for with this layout, and `close` has ended all
                // that lived in it; another layout would put it among blocks of another size.
                unsafe { blocks.put(block, Layout::new::<Cell<F, N>>()) };
            }
            return;
        }
        anchor::<S>(task);
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
