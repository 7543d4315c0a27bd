//! Tasks for hyper. Their futures need not be `Send`.

use ::hyper::rt;

/// Runs hyper's background tasks on the executor of the thread that hands them over; they need not
/// be `Send`.
///
/// hyper's HTTP/2 connections ask for one; HTTP/1 needs none.
///
/// # Examples
///
/// ```
/// use hyper::rt::Executor as _;
///
/// wakeline::block_on(async {
///     let here = std::rc::Rc::new(());
///     wakeline::hyper::Executor::new().execute(async move { drop(here) });
/// });
/// ```
///
/// # Panics
///
/// `execute` panics where no executor is entered.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Executor;

impl Executor {
    /// The executor of the thread on which it is used.
    pub const fn new() -> Self {
        Self
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        crate::executor::spawn(future).detach();
    }
}
