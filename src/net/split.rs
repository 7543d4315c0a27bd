//! The two halves of a connection — owns who ends the writing side — must never let two tasks lose each other's wake-up.
//!
//! Reading and writing have separate readiness and separate waiters in the reactor, so halves need no lock and no state of their own:
//! a half is a pointer to the stream. The write half alone has a duty, to end the writing side when it is dropped.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;

use super::stream::TcpStream;

/// The reading half of a [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a [`TcpStream::split`]. Dropping it does nothing; closing it ends the writing side.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The reading half of a [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Rc<TcpStream>);

/// The writing half of a [`TcpStream::into_split`]. Dropping it ends the writing side, so that the peer sees the end.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Rc<TcpStream>,
    /// What dropping does about the writing side.
    on_drop: OnDrop,
}

#[derive(Debug, PartialEq, Eq)]
enum OnDrop {
    ShutDown,
    LeaveOpen,
}

impl TcpStream {
    /// Two borrowed halves, one to read and one to write, for two futures of one task.
    ///
    /// Costs nothing. For two tasks there is [`into_split`](TcpStream::into_split).
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Two owned halves, one to read and one to write, for two tasks of this thread.
    ///
    /// Dropping the write half ends the writing side, so that the peer sees the end. The socket is closed with the second half.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Rc::new(self);
        (OwnedReadHalf(Rc::clone(&stream)), OwnedWriteHalf { stream, on_drop: OnDrop::ShutDown })
    }
}

impl OwnedReadHalf {
    /// Reads without taking; see [`TcpStream::peek`].
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer).await
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`], with both halves in it, when they come from different streams.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Rc::ptr_eq(&self.0, &write.stream) {
            return Err(ReuniteError(self, write));
        }
        drop(self.0);
        Ok(Rc::into_inner(write.leave_open()).expect("a stream has two halves and no more"))
    }
}

impl OwnedWriteHalf {
    /// The peer's address.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`], with both halves in it, when they come from different streams.
    pub fn reunite(self, read: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        read.reunite(self)
    }

    /// Drops this half without ending the writing side: the peer sees the end when the other half is dropped too.
    pub fn forget(self) {
        drop(self.leave_open());
    }

    fn leave_open(mut self) -> Rc<TcpStream> {
        self.on_drop = OnDrop::LeaveOpen;
        Rc::clone(&self.stream)
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::ShutDown {
            // Fails only on a connection that has ended anyway.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

impl AsRef<TcpStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl AsRef<TcpStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl AsRef<TcpStream> for OwnedReadHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

/// The halves given to `reunite` come from different streams; here they are.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves come from different streams")
    }
}

impl Error for ReuniteError {}
