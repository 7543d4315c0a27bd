//! A closure that travels to another thread and makes a future there, under one name for all
//! functions that hand it on.
//!
//! Public functions write the bounds out, so that their pages show what a closure needs, and so
//! that the compiler infers a closure's type from them.

/// `FnOnce() -> F + Send + 'static`, where `F` is a future whose output can be sent.
pub(crate) trait MakeFuture: Send + 'static {
    type Future: Future<Output = Self::Result> + 'static;
    type Result: Send + 'static;

    fn make(self) -> Self::Future;
}

impl<C, F> MakeFuture for C
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    type Future = F;
    type Result = F::Output;

    #[inline]
    fn make(self) -> F {
        self()
    }
}
