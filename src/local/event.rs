//! A flag that tasks wait for. A task that has seen it set does not wait.
//!
//! The event of Python's asyncio: it is set or clear, and stays so until somebody changes it.
//! Setting it calls everyone who waits, by taking the entries out of the list, so that a task
//! that waited goes on even if the event is clear again when it is polled.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::FusedFuture;

use crate::task::LocalWaker;
use crate::wait_list::{Found, KeptWaker, Offer, WaitKey, WaitList, Wakes, poll_wait};

/// A flag that tasks of one thread wait for. A clone is the same event.
///
/// # Examples
///
/// ```
/// use wakeline::{block_on, local, spawn};
///
/// block_on(async {
///     let ready = local::Event::new();
///     let waits = spawn({
///         let ready = ready.clone();
///         async move { ready.wait().await }
///     });
///     ready.set();
///     waits.await.unwrap();
///     assert!(ready.is_set());
/// });
/// ```
#[derive(Clone, Default)]
pub struct Event {
    state: Rc<RefCell<State<LocalWaker>>>,
}

struct State<W> {
    set: bool,
    waiters: WaitList<W>,
}

impl<W> Default for State<W> {
    fn default() -> Self {
        Self { set: false, waiters: WaitList::new() }
    }
}

impl<W: KeptWaker> State<W> {
    fn wait(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<(), W> {
        if self.set { Found::Ready((), self.waiters.stop(key)) } else { self.waiters.wait(key, offer) }
    }

    fn set(&mut self) -> Wakes<W> {
        self.set = true;
        Wakes::all(&mut self.waiters)
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the event: everyone who waits goes on, and nobody waits any more until it is cleared.
    ///
    /// Tasks are woken in the order in which they began to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wakeline::local::Event;
    /// # wakeline::block_on(async {
    /// let event = Event::new();
    /// event.set();
    /// event.wait().await;
    /// # });
    /// ```
    pub fn set(&self) {
        let wakes = self.state.borrow_mut().set();
        wakes.wake();
    }

    /// Clears the event: a task that asks from now on waits until it is set again. Those who
    /// waited when it was set still go on.
    pub fn clear(&self) {
        self.state.borrow_mut().set = false;
    }

    /// Is it set?
    pub fn is_set(&self) -> bool {
        self.state.borrow().set
    }

    /// Waits until the event is set; ready at once if it is.
    ///
    /// One begins to wait with the first poll of the future.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing for others.
    pub fn wait(&self) -> EventWait<'_> {
        EventWait { event: self, key: None, over: false }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Event").field("set", &state.set).field("waiting", &state.waiters.len()).finish()
    }
}

/// The future of [`Event::wait`]. Once ready it stays ready.
#[must_use = "futures do nothing until they are awaited"]
pub struct EventWait<'a> {
    event: &'a Event,
    key: Option<WaitKey>,
    over: bool,
}

impl Future for EventWait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.over {
            ready!(poll_wait(cx, |offer| this.event.state.borrow_mut().wait(&mut this.key, offer)));
            this.over = true;
        }
        Poll::Ready(())
    }
}

impl FusedFuture for EventWait<'_> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}

impl Drop for EventWait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let unused = self.event.state.borrow_mut().waiters.remove(key);
            drop(unused);
        }
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWait").field("event", self.event).field("over", &self.over).finish()
    }
}

#[cfg(test)]
mod tests;
