//! Atomics. Each keeps the value that was written last, and shows it when loom has none any more.

use std::sync::atomic;
use std::sync::atomic::Ordering::Relaxed;

use loom::sync::atomic::Ordering;

use super::over::step;

macro_rules! atomic {
    ($name:ident, [$($generic:ident)?], $value:ty) => {
        /// loom's, and beside it the value that was written last.
        #[derive(Debug)]
        pub(crate) struct $name $(<$generic>)? {
            /// None when it was made in a model that is over.
            model: Option<loom::sync::atomic::$name $(<$generic>)?>,
            last: atomic::$name $(<$generic>)?,
        }

        impl $(<$generic>)? $name $(<$generic>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self { model: step(|| loom::sync::atomic::$name::new(value)), last: atomic::$name::new(value) }
            }

            #[track_caller]
            fn step<R>(&self, f: impl FnOnce(&loom::sync::atomic::$name $(<$generic>)?) -> R) -> Option<R> {
                self.model.as_ref().and_then(|model| step(|| f(model)))
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.step(|model| model.load(order)).unwrap_or_else(|| self.last.load(Relaxed))
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                let old = self.step(|model| model.swap(value, order));
                let last = self.last.swap(value, Relaxed);
                old.unwrap_or(last)
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match self.step(|model| model.compare_exchange(old, new, success, failure)) {
                    None => self.last.compare_exchange(old, new, Relaxed, Relaxed),
                    Some(seen) => {
                        if seen.is_ok() {
                            self.last.store(new, Relaxed);
                        }
                        seen
                    }
                }
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(old, new, success, failure)
            }
        }
    };
}

atomic!(AtomicUsize, [], usize);
atomic!(AtomicPtr, [T], *mut T);

impl AtomicUsize {
    #[track_caller]
    pub(crate) fn store(&self, value: usize, order: Ordering) {
        self.step(|model| model.store(value, order));
        self.last.store(value, Relaxed);
    }

    #[track_caller]
    fn update(&self, model: impl FnOnce(&loom::sync::atomic::AtomicUsize) -> usize, next: impl FnOnce(usize) -> usize) -> usize {
        let old = self.step(model).unwrap_or_else(|| self.last.load(Relaxed));
        self.last.store(next(old), Relaxed);
        old
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.update(|model| model.fetch_add(value, order), |old| old.wrapping_add(value))
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        self.update(|model| model.fetch_sub(value, order), |old| old.wrapping_sub(value))
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, value: usize, order: Ordering) -> usize {
        self.update(|model| model.fetch_or(value, order), |old| old | value)
    }

    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut next: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        let mut seen = self.load(failure);
        while let Some(new) = next(seen) {
            match self.compare_exchange_weak(seen, new, success, failure) {
                Ok(old) => return Ok(old),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, value: usize, order: Ordering) -> usize {
        self.update(|model| model.fetch_and(value, order), |old| old & value)
    }
}

pub(crate) fn fence(order: Ordering) {
    step(|| loom::sync::atomic::fence(order));
}
