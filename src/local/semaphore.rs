//! Permits that tasks wait for. A later waiter gets nothing that an earlier one waits for.
//!
//! First come first served, to the end: the first waiter takes what it asked for as soon as that
//! many are free, and nobody overtakes it, neither a smaller request behind it nor a
//! [`Semaphore::try_acquire`]. Else a large request would starve among small ones.
//!
//! Permits are given to a waiter when they come free, not when it is polled: its entry is taken out
//! of the list, and the permits are its own. If its future is dropped instead of polled, they go to
//! the next (JC9).

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::FusedFuture;

use super::error::{AcquireError, TryAcquireError};
use crate::task::LocalWaker;
use crate::task::polled_after_completion;
use crate::wait_list::{Found, KeptWaker, Offer, WaitKey, WaitList, Wakes, poll_wait};

/// A number of permits that tasks of one thread share. A clone is the same semaphore.
///
/// # Examples
///
/// ```
/// use wakeline::{block_on, local, spawn};
///
/// block_on(async {
///     let two_at_a_time = local::Semaphore::new(2);
///     let tasks: Vec<_> = (0..5)
///         .map(|number| {
///             let permits = two_at_a_time.clone();
///             spawn(async move {
///                 let _permit = permits.acquire(1).await.unwrap();
///                 wakeline::yield_now().await;
///                 number
///             })
///         })
///         .collect();
///     for (number, task) in tasks.into_iter().enumerate() {
///         assert_eq!(task.await.unwrap(), number);
///     }
///     assert_eq!(two_at_a_time.available_permits(), 2);
/// });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    state: Rc<RefCell<State<LocalWaker>>>,
}

struct State<W> {
    free: usize,
    /// Free ones and those that somebody holds. At most MAX_PERMITS, so that giving back cannot
    /// overflow.
    total: usize,
    waiters: WaitList<Request<W>>,
    closed: bool,
}

struct Request<W> {
    permits: usize,
    /// None once closed.
    waker: Option<W>,
}

impl<W: KeptWaker> State<W> {
    fn new(permits: usize) -> Self {
        Self { free: permits, total: permits, waiters: WaitList::new(), closed: false }
    }

    fn try_take(&mut self, permits: usize) -> Result<(), TryAcquireError> {
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        if permits > 0 && (permits > self.free || !self.waiters.is_empty()) {
            return Err(TryAcquireError::NoPermits);
        }
        self.free -= permits;
        Ok(())
    }

    fn ask(&mut self, permits: usize, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<Result<(), AcquireError>, W> {
        let Some(known) = key else {
            match self.try_take(permits) {
                Ok(()) => return Found::Ready(Ok(()), None),
                Err(TryAcquireError::Closed) => return Found::Ready(Err(AcquireError::Closed), None),
                Err(_) => {}
            }
            let Some(waker) = offer.take() else { return Found::Prepare };
            *key = Some(self.waiters.push_back(Request { permits, waker: Some(waker) }));
            return Found::Waits(None);
        };
        match self.waiters.get_mut(known) {
            Some(request) if !self.closed => offer.leave_in(&mut request.waker),
            _ => match key.take().and_then(|key| self.waiters.remove(key)) {
                Some(request) => Found::Ready(Err(AcquireError::Closed), request.waker),
                // Its request was taken out: the permits are its own.
                None => Found::Ready(Ok(()), None),
            },
        }
    }

    /// Gives free permits to those who wait, in their order.
    fn grant(&mut self) -> Wakes<W> {
        let mut wakes = Wakes::new();
        while let Some(first) = self.waiters.front() {
            if first.permits > self.free || self.closed {
                break;
            }
            self.free -= first.permits;
            wakes.extend(self.waiters.pop_front().and_then(|request| request.waker));
        }
        wakes
    }

    /// Permits come free.
    fn give(&mut self, permits: usize) -> Wakes<W> {
        self.free += permits;
        self.grant()
    }

    /// New ones; `Err` if there would be too many: how many there are.
    fn add(&mut self, permits: usize) -> Result<Wakes<W>, usize> {
        let total = self.total.checked_add(permits).filter(|&total| total <= Semaphore::MAX_PERMITS);
        self.total = total.ok_or(self.total)?;
        Ok(self.give(permits))
    }

    /// Permits that somebody holds are none any more.
    fn forget(&mut self, permits: usize) {
        self.total -= permits;
    }

    /// The end of a request that has begun to wait: it may have stood in the way, or have been
    /// given permits. Drop the request outside.
    fn abandon(&mut self, key: WaitKey, permits: usize) -> (Wakes<W>, Option<Request<W>>) {
        let request = self.waiters.remove(key);
        let unfetched = if request.is_none() { permits } else { 0 };
        (self.give(unfetched), request)
    }

    fn close(&mut self) -> Option<Wakes<W>> {
        if mem::replace(&mut self.closed, true) {
            return None;
        }
        // The requests stay where they are: that tells them from those that were granted.
        let mut wakes = Wakes::new();
        self.waiters.for_each(|request| wakes.extend(request.waker.take()));
        Some(wakes)
    }
}

impl Semaphore {
    /// The largest number of permits that there can be.
    pub const MAX_PERMITS: usize = usize::MAX >> 1;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// Panics when there are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        assert!(permits <= Self::MAX_PERMITS, "a semaphore of {permits} permits: at most {} are possible", Self::MAX_PERMITS);
        Self { state: Rc::new(RefCell::new(State::new(permits))) }
    }

    /// Takes so many permits, and waits until they are free. Dropping the [`Permit`] gives them
    /// back.
    ///
    /// Requests are served in the order in which they were first polled. More permits than there
    /// are at the moment can be waited for, since more can be [added](Semaphore::add_permits). Zero
    /// permits are there at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// let semaphore = wakeline::local::Semaphore::new(3);
    /// let permit = semaphore.acquire(2).await?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// # Ok::<(), wakeline::local::AcquireError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`] when the semaphore is closed, or gets closed before the permits are
    /// free; [`AcquireError::TooMany`] when no semaphore can have so many.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped gives up its place, and permits that it was given go to the next.
    pub fn acquire(&self, permits: usize) -> Acquire<'_> {
        Acquire { semaphore: Some(self), permits, key: None }
    }

    /// Takes so many permits if they are free and nobody waits for permits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`], which says why not.
    pub fn try_acquire(&self, permits: usize) -> Result<Permit, TryAcquireError> {
        if permits > Self::MAX_PERMITS {
            return Err(TryAcquireError::TooMany);
        }
        self.state.borrow_mut().try_take(permits)?;
        Ok(self.permit(permits))
    }

    fn permit(&self, permits: usize) -> Permit {
        Permit { semaphore: self.clone(), permits }
    }

    /// How many permits are free.
    pub fn available_permits(&self) -> usize {
        self.state.borrow().free
    }

    /// Adds new permits, and wakes those who can go on with them.
    ///
    /// # Panics
    ///
    /// Panics when there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), those that
    /// somebody holds included.
    #[track_caller]
    pub fn add_permits(&self, permits: usize) {
        let added = self.state.borrow_mut().add(permits);
        match added {
            Ok(wakes) => wakes.wake(),
            Err(before) => panic!("{permits} permits added to {before}: at most {} are possible", Self::MAX_PERMITS),
        }
    }

    /// No permits are given any more: requests that wait, and later ones, fail. Permits that
    /// somebody holds stay as they are. Returns whether it was open.
    pub fn close(&self) -> bool {
        let wakes = self.state.borrow_mut().close();
        wakes.map(Wakes::wake).is_some()
    }

    /// Is it closed?
    pub fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        let mut show = f.debug_struct("Semaphore");
        show.field("available", &state.free).field("waiting", &state.waiters.len()).field("closed", &state.closed).finish()
    }
}

/// The future of [`Semaphore::acquire`].
///
/// # Panics
///
/// Polling it again after it has been ready panics.
#[must_use = "futures do nothing until they are awaited"]
pub struct Acquire<'a> {
    /// None once ready.
    semaphore: Option<&'a Semaphore>,
    permits: usize,
    key: Option<WaitKey>,
}

impl Future for Acquire<'_> {
    type Output = Result<Permit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(semaphore) = this.semaphore else { polled_after_completion("Acquire") };
        let granted = if this.permits > Semaphore::MAX_PERMITS {
            Err(AcquireError::TooMany)
        } else {
            ready!(poll_wait(cx, |offer| semaphore.state.borrow_mut().ask(this.permits, &mut this.key, offer)))
        };
        this.semaphore = None;
        Poll::Ready(granted.map(|()| semaphore.permit(this.permits)))
    }
}

impl FusedFuture for Acquire<'_> {
    fn is_terminated(&self) -> bool {
        self.semaphore.is_none()
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if let (Some(semaphore), Some(key)) = (self.semaphore, self.key.take()) {
            let (wakes, request) = semaphore.state.borrow_mut().abandon(key, self.permits);
            wakes.wake();
            drop(request);
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("semaphore", &self.semaphore).field("permits", &self.permits).finish_non_exhaustive()
    }
}

/// Permits that somebody holds; made by [`Semaphore::acquire`]. Dropping it gives them back.
#[must_use = "permits that are dropped are free again"]
pub struct Permit {
    semaphore: Semaphore,
    permits: usize,
}

impl Permit {
    /// How many they are.
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// Takes the permits out of the semaphore for good.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = wakeline::local::Semaphore::new(3);
    /// semaphore.try_acquire(1).unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(mut self) {
        let permits = mem::take(&mut self.permits);
        self.semaphore.state.borrow_mut().forget(permits);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.permits > 0 {
            let wakes = self.semaphore.state.borrow_mut().give(self.permits);
            wakes.wake();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.permits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
