//! The two halves of a TCP connection: public names for the halves that any byte stream has.
//!
//! They share the stream. A task on one half does not lose its wake to a task on the other.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::stream::TcpStream;
use crate::net::stream::{OwnedReader, OwnedWriter, into_halves, read_through, write_through};

/// The reading half of a [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a [`TcpStream::split`]. Dropping it does nothing; closing it ends the
/// writing side.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The reading half of a [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(OwnedReader<TcpStream>);

/// The writing half of a [`TcpStream::into_split`]. Dropping it ends the writing side, so that the
/// peer sees the end.
#[derive(Debug)]
pub struct OwnedWriteHalf(OwnedWriter<TcpStream>);

impl TcpStream {
    /// Two borrowed halves, one to read and one to write, for two futures of one task.
    ///
    /// Costs nothing. For two tasks there is [`into_split`](TcpStream::into_split).
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Two owned halves, one to read and one to write, for two tasks of this thread.
    ///
    /// Dropping the write half ends the writing side, so that the peer sees the end. The socket is
    /// closed with the second half.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let (reader, writer) = into_halves(self);
        (OwnedReadHalf(reader), OwnedWriteHalf(writer))
    }
}

/// What a half does as its stream does it.
macro_rules! as_the_stream {
    () => {
        /// The peer's address.
        ///
        /// # Errors
        ///
        /// As [`TcpStream::peer_addr`].
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.as_ref().peer_addr()
        }

        /// This side's address.
        ///
        /// # Errors
        ///
        /// What the system says.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.as_ref().local_addr()
        }
    };
}

/// What only reads.
macro_rules! reads_as_the_stream {
    ($($half:ty),*) => {$(
        impl $half {
            /// Reads into a buffer that the thread lends; see [`TcpStream::read_lent`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::read_lent`].
            ///
            /// # Panics
            ///
            /// As [`TcpStream::read_lent`].
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no byte.
            pub fn read_lent<R>(&self, read: impl FnOnce(&[u8]) -> R) -> impl Future<Output = io::Result<Option<R>>> {
                self.as_ref().read_lent(read)
            }

            /// Waits until a read would do something; see [`TcpStream::readable`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::readable`].
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost by dropping this future.
            pub async fn readable(&self) -> io::Result<()> {
                self.as_ref().readable().await
            }

            /// Reads what is there now, and does not wait; see [`TcpStream::try_read`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::try_read`].
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.as_ref().try_read(buffer)
            }

            /// [`try_read`](TcpStream::try_read) into several buffers, one after the other.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::try_read`].
            pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.as_ref().try_read_vectored(buffers)
            }

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
                self.as_ref().peek(buffer).await
            }

            as_the_stream!();
        }
    )*};
}

/// What only writes.
macro_rules! writes_as_the_stream {
    ($($half:ty),*) => {$(
        impl $half {
            /// Waits until a write would do something; see [`TcpStream::writable`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::writable`].
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost by dropping this future.
            pub async fn writable(&self) -> io::Result<()> {
                self.as_ref().writable().await
            }

            /// Writes what there is room for now, and does not wait; see
            /// [`TcpStream::try_write`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::try_write`].
            pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                self.as_ref().try_write(bytes)
            }

            /// [`try_write`](TcpStream::try_write) out of several buffers, one after the other.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::try_write`].
            pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                self.as_ref().try_write_vectored(slices)
            }

            as_the_stream!();
        }
    )*};
}

reads_as_the_stream!(ReadHalf<'_>, OwnedReadHalf);
writes_as_the_stream!(WriteHalf<'_>, OwnedWriteHalf);

impl OwnedReadHalf {
    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`], with both halves in it, when they come from different streams.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        self.0.reunite(write.0).map_err(|(reader, writer)| ReuniteError(OwnedReadHalf(reader), OwnedWriteHalf(writer)))
    }
}

impl OwnedWriteHalf {
    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`], with both halves in it, when they come from different streams.
    pub fn reunite(self, read: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        read.reunite(self)
    }

    /// Drops this half without ending the writing side: the peer sees the end when the other half
    /// is dropped too.
    pub fn forget(self) {
        drop(self.0.leave_open());
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
        self.0.stream()
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        self.0.stream()
    }
}

read_through!(TcpStream: ReadHalf<'_>, OwnedReadHalf);
write_through!(TcpStream: WriteHalf<'_>, OwnedWriteHalf);

/// The halves given to `reunite` come from different streams; here they are.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves come from different streams")
    }
}

impl Error for ReuniteError {}
