//! What hyper calls: a read into memory that nobody has written yet. That memory is only written.

use std::io;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use super::stream::TcpStream;
use crate::net::sys;

impl TcpStream {
    /// Says how many bytes at the beginning of `room` are written now.
    pub(crate) fn poll_read_uninit(&self, cx: &mut Context<'_>, room: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        self.bytes.poll_receive(cx, room.len(), |socket| sys::receive(socket, &mut *room))
    }
}
