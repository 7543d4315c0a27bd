//! Permits that tasks wait for — owns the free ones and who waits for how many — must never give a later waiter what an earlier one
//! waits for.
//!
//! First come first served, to the end: the first waiter takes what it asked for as soon as that many are free, and nobody overtakes it,
//! neither a smaller request behind it nor a [`Semaphore::try_acquire`]. Else a large request would starve among small ones.
//!
//! Permits are given to a waiter when they come free, not when it is polled: its entry is taken out of the list, and the permits are its
//! own. If its future is dropped instead of polled, they go to the next (JC9).

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::error::{AcquireError, TryAcquireError};
use crate::executor::context::{poll_budget, spend_budget};
use crate::task::LocalWaker;
use crate::wait_list::{Key, Offer, WaitList, Wakes};

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
    state: Rc<RefCell<State>>,
}

struct State {
    free: usize,
    /// Free ones and those that somebody holds. At most MAX_PERMITS, so that giving back cannot overflow.
    total: usize,
    waiters: WaitList<Request>,
    closed: bool,
}

struct Request {
    permits: usize,
    /// None once closed.
    waker: Option<LocalWaker>,
}

/// What a request finds. Wakers are to be dropped outside.
enum Found {
    Granted,
    Refused(AcquireError, Option<LocalWaker>),
    Waits(Option<LocalWaker>),
    Prepare,
}

impl State {
    fn take(&mut self, permits: usize) -> bool {
        let free = self.waiters.is_empty() && permits <= self.free;
        if free {
            self.free -= permits;
        }
        free
    }

    fn ask(&mut self, permits: usize, key: &mut Option<Key>, offer: &mut Offer<'_, LocalWaker>) -> Found {
        let Some(known) = key else {
            if self.closed {
                return Found::Refused(AcquireError::Closed, None);
            }
            if permits == 0 || self.take(permits) {
                return Found::Granted;
            }
            let Some(waker) = offer.take() else { return Found::Prepare };
            *key = Some(self.waiters.push_back(Request { permits, waker: Some(waker) }));
            return Found::Waits(None);
        };
        match self.waiters.get_mut(known) {
            // Its request was taken out: the permits are its own.
            None => {
                key.take().and_then(|key| self.waiters.remove(key));
                Found::Granted
            }
            Some(_) if self.closed => {
                let request = key.take().and_then(|key| self.waiters.remove(key));
                Found::Refused(AcquireError::Closed, request.and_then(|request| request.waker))
            }
            Some(request) if request.waker.as_ref().is_some_and(|waker| offer.is(waker)) => Found::Waits(None),
            Some(request) => match offer.take() {
                Some(waker) => Found::Waits(request.waker.replace(waker)),
                None => Found::Prepare,
            },
        }
    }

    /// Gives free permits to those who wait, in their order.
    fn grant(&mut self) -> Wakes<LocalWaker> {
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
        let state = State { free: permits, total: permits, waiters: WaitList::new(), closed: false };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Takes so many permits, and waits until they are free. Dropping the [`Permit`] gives them back.
    ///
    /// Requests are served in the order in which they were first polled. More permits than there are at the moment can be waited for, since
    /// more can be [added](Semaphore::add_permits). Zero permits are there at once.
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
    /// [`AcquireError::Closed`] when the semaphore is closed, or gets closed before the permits are free; [`AcquireError::TooMany`] when no
    /// semaphore can have so many.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped gives up its place, and permits that it was given go to the next.
    pub fn acquire(&self, permits: usize) -> Acquire<'_> {
        Acquire { semaphore: self, permits, key: None }
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
        let mut state = self.state.borrow_mut();
        if state.closed {
            return Err(TryAcquireError::Closed);
        }
        if permits == 0 || state.take(permits) {
            return Ok(self.permit(permits));
        }
        Err(TryAcquireError::NoPermits)
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
    /// Panics when there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), those that somebody holds included.
    #[track_caller]
    pub fn add_permits(&self, permits: usize) {
        {
            let mut state = self.state.borrow_mut();
            let total = state.total.checked_add(permits).filter(|&total| total <= Self::MAX_PERMITS);
            let Some(total) = total else {
                let before = state.total;
                drop(state);
                panic!("{permits} permits added to {before}: at most {} are possible", Self::MAX_PERMITS);
            };
            state.total = total;
        }
        self.give(permits);
    }

    /// Permits come free.
    fn give(&self, permits: usize) {
        let wakes = {
            let mut state = self.state.borrow_mut();
            state.free += permits;
            state.grant()
        };
        wakes.wake();
    }

    /// No permits are given any more: requests that wait, and later ones, fail. Permits that somebody holds stay as they are. Returns
    /// whether it was open.
    pub fn close(&self) -> bool {
        let mut wakes = Wakes::new();
        {
            let mut state = self.state.borrow_mut();
            if mem::replace(&mut state.closed, true) {
                return false;
            }
            // The requests stay where they are: that tells them from those that were granted.
            let wakers = &mut wakes;
            state.waiters.for_each(|request| wakers.extend(request.waker.take()));
        }
        wakes.wake();
        true
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
#[must_use = "futures do nothing until they are awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
    key: Option<Key>,
}

impl Future for Acquire<'_> {
    type Output = Result<Permit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.permits > Semaphore::MAX_PERMITS {
            return Poll::Ready(Err(AcquireError::TooMany));
        }
        ready!(poll_budget(cx));
        let mut offer = Offer::new(cx.waker());
        loop {
            let found = this.semaphore.state.borrow_mut().ask(this.permits, &mut this.key, &mut offer);
            match found {
                Found::Granted => {
                    spend_budget();
                    return Poll::Ready(Ok(this.semaphore.permit(this.permits)));
                }
                Found::Refused(error, unused) => {
                    drop(unused);
                    spend_budget();
                    return Poll::Ready(Err(error));
                }
                Found::Waits(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Found::Prepare => offer.prepare(),
            }
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let (request, wakes) = {
            let mut state = self.semaphore.state.borrow_mut();
            let request = state.waiters.remove(key);
            if request.is_none() {
                state.free += self.permits;
            }
            // Whether it was first and stood in the way, or had been given permits: the next may go on.
            (request, state.grant())
        };
        wakes.wake();
        drop(request);
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("semaphore", self.semaphore).field("permits", &self.permits).finish_non_exhaustive()
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
        self.semaphore.state.borrow_mut().total -= permits;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.give(self.permits);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.permits).finish_non_exhaustive()
    }
}
