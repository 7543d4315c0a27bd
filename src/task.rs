//! SKELETON: the real one is being written; the interface below is final.
use std::task::Waker;

/// A waker that stays on its owner's thread. 8 bytes, `!Send`.
pub(crate) struct LocalWaker(Box<Waker>, std::marker::PhantomData<*const ()>);
impl LocalWaker {
    pub(crate) fn new(waker: &Waker) -> Self {
        Self(Box::new(waker.clone()), std::marker::PhantomData)
    }
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        self.0.will_wake(waker)
    }
    /// Runs user code when the waker is a foreign one: never call it with a borrow held.
    pub(crate) fn wake(self) {
        self.0.wake()
    }
}
