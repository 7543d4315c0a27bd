//! What the executor sleeps on, for now a latch: the reactor proper replaces it.

use std::io;
use std::time::Instant;

use crate::inbox::Notify;
use crate::sync::{Arc, Condvar, Mutex};

pub(crate) enum Wait {
    Look,
    #[allow(dead_code)]
    Until(Option<Instant>),
}

pub(crate) struct Notifier {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Notify for Arc<Notifier> {
    fn notify(&self) {
        *self.rung.lock().unwrap() = true;
        self.bell.notify_one();
    }
}

pub(crate) struct Reactor {
    notifier: Arc<Notifier>,
}

impl Reactor {
    pub(crate) fn new() -> Self {
        Self { notifier: Arc::new(Notifier { rung: Mutex::new(false), bell: Condvar::new() }) }
    }

    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    pub(crate) fn open(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(all(unix, not(wakeline_loom)))]
    pub(crate) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    pub(crate) fn turn(&self, wait: Wait) -> io::Result<()> {
        if let Wait::Until(_) = wait {
            let mut rung = self.notifier.rung.lock().unwrap();
            if !*rung {
                rung = self.notifier.bell.wait(rung).unwrap();
            }
            *rung = false;
        }
        Ok(())
    }

    pub(crate) fn is_idle(&self) -> bool {
        true
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn generation(&self) -> u32 {
        crate::fork::generation()
    }
}
