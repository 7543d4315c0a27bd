//! The free functions, and the executor that each thread has for `block_on`. Whatever they do, a
//! [`LocalExecutor`] does as well.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::rc::Rc;

use super::context::outside;
use super::enter::with_current;
use super::error::EnterError;
use super::local::LocalExecutor;
use super::policy::PanicPolicy;
use crate::sync::owner_local;
use crate::task::{Site, Task};

owner_local! {
    /// The executor of `block_on` on this thread: made by the first call, dropped with the thread.
    static EXECUTOR: RefCell<Option<Rc<LocalExecutor>>> = RefCell::new(None)
}

/// The thread's own executor. While the thread's locals are being destroyed there is none left, and
/// the call gets one of its own.
#[inline]
fn thread_executor() -> Rc<LocalExecutor> {
    let known = EXECUTOR.try_with(|executor| executor.borrow().clone()).ok().flatten();
    match known {
        Some(executor) if executor.core.is_of_this_process() => executor,
        other => make_thread_executor(other),
    }
}

#[cold]
fn make_thread_executor(of_parent: Option<Rc<LocalExecutor>>) -> Rc<LocalExecutor> {
    // A forked child: the tasks in there, and the descriptors under them, are the parent's.
    mem::forget(of_parent);
    let new = Rc::new(LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build());
    // An executor that is replaced belongs to the parent process and was forgotten above, so
    // nothing is dropped here.
    let _ = EXECUTOR.try_with(|executor| *executor.borrow_mut() = Some(new.clone()));
    new
}

/// Opens what this thread's own executor needs to wait, for a caller that would rather have the
/// error now.
pub(crate) fn open_thread_reactor() -> io::Result<()> {
    thread_executor().core.open_reactor()
}

/// Runs a future on this thread, with everything it needs: tasks, sockets and timers work inside. A
/// panic of a detached task goes on in this call ([`PanicPolicy::Propagate`]), so that a test whose
/// task has failed fails.
///
/// The thread's own executor does it, and it works on any thread, also inside another runtime's
/// task.
///
/// Tasks that have not ended when the future returns stay, and go on in the next call on this
/// thread: there they run, and there the panic of one that is detached comes out. They are dropped
/// with the thread. To have them end with the call, use a [`LocalExecutor`] of its own, or await
/// them.
///
/// # Examples
///
/// ```
/// let sum = wakeline::block_on(async {
///     let a = wakeline::spawn(async { 1 });
///     let b = wakeline::spawn(async { 2 });
///     a.await.unwrap() + b.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
///
/// # Panics
///
/// As [`LocalExecutor::block_on`]; above all inside a task of this crate, where it would stop the
/// thread that has to run it. With the panic of a detached task, also when the future has just
/// returned.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match try_block_on(future) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// [`block_on`] that returns an error where the executor cannot be entered. It hands on the panics
/// of detached tasks as well.
///
/// # Examples
///
/// ```
/// assert_eq!(wakeline::try_block_on(async { 1 }).unwrap(), 1);
/// assert!(wakeline::block_on(async { wakeline::try_block_on(async { 1 }).is_err() }));
/// ```
///
/// # Errors
///
/// When the thread is already inside an executor. The future is dropped unpolled.
pub fn try_block_on<F: Future>(future: F) -> Result<F::Output, EnterError> {
    thread_executor().try_block_on(future)
}

/// Spawns a task on the executor of this thread. The future need not be `Send`.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// wakeline::block_on(async {
///     let shared = Rc::new(5);
///     let task = wakeline::spawn({ let shared = shared.clone(); async move { *shared + 1 } });
///     assert_eq!(task.await.unwrap(), 6);
/// });
/// ```
///
/// # Panics
///
/// Where no executor is entered.
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Site::caller();
    match with_current(|here| here.spawn(future, (), site)) {
        Some(task) => task,
        None => panic!("{}", outside("`spawn`")),
    }
}
