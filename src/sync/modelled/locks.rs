//! What threads wait for: locks and their values. Threads wait only inside of loom.

use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError, TryLockError};
use std::time::Duration;

use super::over::step;

/// The value lies in std's mutex, which nobody ever waits for: loom's says whose turn it is.
#[derive(Debug)]
pub(crate) struct Mutex<T> {
    turn: Option<loom::sync::Mutex<()>>,
    value: std::sync::Mutex<T>,
}

/// The value goes back before the turn does.
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    value: Option<std::sync::MutexGuard<'a, T>>,
    turn: Option<loom::sync::MutexGuard<'a, ()>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self { turn: step(|| loom::sync::Mutex::new(())), value: std::sync::Mutex::new(value) }
    }

    /// Never poisoned, as loom's is not either.
    #[track_caller]
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let turn = self.turn.as_ref().and_then(|turn| step(|| turn.lock().unwrap_or_else(PoisonError::into_inner)));
        Ok(MutexGuard { value: Some(self.value()), turn, mutex: self })
    }

    fn value(&self) -> std::sync::MutexGuard<'_, T> {
        match self.value.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("a thread of a failed model holds this lock, and does not run again"),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is away only while a thread waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is away only while a thread waits")
    }
}

#[derive(Debug)]
pub(crate) struct Condvar(Option<loom::sync::Condvar>);

impl Condvar {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self(step(loom::sync::Condvar::new))
    }

    #[track_caller]
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (guard, waited) = self.try_wait(guard);
        assert!(waited, "the model has failed, and nothing ends this wait any more");
        Ok(guard)
    }

    /// No time passes in a model. In one that is over the time is up.
    #[track_caller]
    #[allow(clippy::type_complexity)]
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, waited) = self.try_wait(guard);
        Ok((guard, WaitTimeoutResult(!waited)))
    }

    #[track_caller]
    fn try_wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> (MutexGuard<'a, T>, bool) {
        guard.value = None;
        let (condvar, turn) = (self.0.as_ref(), guard.turn.take());
        guard.turn = condvar.zip(turn).and_then(|(condvar, turn)| {
            step(|| condvar.wait(turn).unwrap_or_else(PoisonError::into_inner)) //
        });
        guard.value = Some(guard.mutex.value());
        let waited = guard.turn.is_some();
        (guard, waited)
    }

    #[track_caller]
    pub(crate) fn notify_one(&self) {
        self.0.as_ref().map(|condvar| step(|| condvar.notify_one()));
    }

    #[track_caller]
    pub(crate) fn notify_all(&self) {
        self.0.as_ref().map(|condvar| step(|| condvar.notify_all()));
    }
}

#[derive(Debug)]
pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}
