//! The line that names the task of a panic. Nothing here puts the hook in place by itself: a
//! process has one, and it is the program's.

use std::io::{self, Write};
use std::panic;
use std::sync::Once;

use super::current;

/// From here on a panic inside a task is preceded, on standard error, by a line that names the
/// task:
///
/// ```text
/// in task "ticker" (spawned at src/main.rs:12:5):
/// thread 'main' panicked at src/ticker.rs:40:9:
/// attempt to divide by zero
/// ```
///
/// What the standard hook prints names the thread alone, and many tasks share one. This puts a hook
/// in front of the one that is set, which is called as before; a hook that is set later replaces
/// both, so call it after that. Calling it again does nothing. Nothing in this crate calls it: the
/// panic hook belongs to the program, and a library should leave it alone.
///
/// # Examples
///
/// ```
/// wakeline::task::name_tasks_in_panics();
///
/// let task = wakeline::task::Builder::new().name("ticker");
/// let result = wakeline::block_on(async { task.spawn(async { panic!("out of time") }).await });
/// assert!(result.is_err());
/// ```
///
/// # Panics
///
/// When the thread is panicking.
pub fn name_tasks_in_panics() {
    static INSTALLED: Once = Once::new();
    // A model that fails panics where loom's thread-locals cannot be asked.
    if cfg!(wakeline_loom) {
        return;
    }
    INSTALLED.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if let Some(task) = current::with(|current| current.task_info()) {
                // Not `eprintln`, which would panic in here when standard error is closed.
                let _ = writeln!(io::stderr(), "in {task}:");
            }
            next(panic);
        }));
    });
}
