//! What a [`Signal`](super::Signal) has registered with the process: one action, taken back when
//! the receiver goes.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::self_pipe::SelfPipe;
use super::sys::{self, ActionId};

/// An action of a signal's handler; removed when this is dropped.
#[derive(Debug)]
pub(super) struct Handler {
    id: ActionId,
    pipe: Arc<SelfPipe<UnixStream>>,
}

impl Handler {
    /// Lets the signal raise `pipe` from now on.
    pub(super) fn register(signal: i32, pipe: Arc<SelfPipe<UnixStream>>) -> io::Result<Self> {
        let id = sys::register(signal, Arc::clone(&pipe))?;
        Ok(Self { id, pipe })
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // In a forked child the action does nothing and may stay; the registry's lock may be held
        // for ever by a thread that is not there.
        if self.pipe.is_of_this_process() {
            sys::unregister(self.id);
        }
    }
}
