//! The signals of a model: catching one fails, because loom explores no kernel.

pub(super) use std::convert::Infallible as ActionId;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::self_pipe::{SelfPipe, WriteEnd};

pub(super) const INTERRUPT: i32 = 2;
pub(super) const TERMINATE: i32 = 15;
pub(super) const HANGUP: i32 = 1;
pub(super) const QUIT: i32 = 3;
pub(super) const PIPE: i32 = 13;
pub(super) const ALARM: i32 = 14;
pub(super) const CHILD: i32 = 17;
pub(super) const WINDOW_CHANGE: i32 = 28;
pub(super) const IO: i32 = 29;
pub(super) const USER_DEFINED1: i32 = 10;
pub(super) const USER_DEFINED2: i32 = 12;

pub(super) const UNCATCHABLE: [(i32, &str); 0] = [];

impl WriteEnd for UnixStream {
    fn write_byte(&self) {}
}

pub(super) fn without_sigpipe(_: &UnixStream) -> io::Result<()> {
    Ok(())
}

pub(super) fn register(signal: i32, _: Arc<SelfPipe<UnixStream>>) -> io::Result<ActionId> {
    let text = format!("cannot catch signal {signal}: there are no signals under `--cfg wakeline_loom`");
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

pub(super) fn unregister(action: ActionId) {
    match action {}
}
