//! Threads and their thread-locals. None panics because its thread is gone.

use std::io;

use loom::thread;

use super::over::{is_over, step};

/// A thread-local of loom's threads. std's has no destructor when its type has none, and can be
/// asked until the thread is gone; loom's cannot, so `with` then lends a value that nobody else
/// sees.
pub(crate) struct OwnerLocal<T: 'static> {
    pub(crate) key: &'static thread::LocalKey<Kept<T>>,
    pub(crate) first: fn() -> T,
}

/// The thread-local cannot be asked, or not any more.
#[derive(Debug)]
pub(crate) struct AccessError;

/// Not dropped by a panic that ends a model. A thread-local is: when there is no model any more.
pub(crate) struct Kept<T>(pub(crate) Option<T>);

impl<T> Kept<T> {
    fn get(&self) -> &T {
        self.0.as_ref().expect("it is there until the drop")
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if std::thread::panicking() {
            std::mem::forget(value);
        }
    }
}

impl<T> OwnerLocal<T> {
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let mut f = Some(f);
        let mut once = |value: &T| f.take().map(|f| f(value));
        let known = self.try_with(&mut once).ok().flatten();
        known.or_else(|| once(&(self.first)())).expect("one of the two calls is the first")
    }

    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        if is_over() {
            return Err(AccessError);
        }
        self.key.try_with(|kept| f(kept.get())).map_err(|_| AccessError)
    }
}

macro_rules! owner_local {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr) => {
        $(#[$doc])*
        static $name: $crate::sync::OwnerLocal<$type> = {
            loom::thread_local! { static KEY: $crate::sync::Kept<$type> = $crate::sync::Kept(Some($value)) }
            $crate::sync::OwnerLocal { key: &KEY, first: || $value }
        };
    };
}
pub(crate) use owner_local;

/// Starts a thread that ends by itself.
pub(crate) fn start_thread(name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    let started = step(|| thread::Builder::new().name(name).spawn(run).map(drop));
    started.unwrap_or_else(|| Err(io::Error::other("the model has failed")))
}
