//! Reading without a buffer of one's own: the thread lends one for the length of one poll. Neither
//! the buffer nor a byte in it is kept over an await.
//!
//! A read takes the buffer out of its thread-local when the object is worth a try, and puts it back
//! when the closure has returned or unwinds. So a read inside the closure finds none, makes one,
//! and the last to come back stays; nothing is ever borrowed while foreign code runs. What is given
//! to the closure is what this read has brought: older bytes behind it are not shown.
//!
//! Rejected: a buffer of the reactor's (an object is read under any executor of its thread, and the
//! buffer would go with the last of them, once for each `block_on`); a guard that dereferences to
//! the bytes (it can be kept over an await, and then every connection that waits has a buffer
//! again).

use std::cell::Cell;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::object::Async;
use crate::reactor::Side;
use crate::sync::owner_local;
use crate::task::polled_after_completion;

/// Bytes that one read may bring.
///
/// A request fits many times over, so that its read comes back short and says that there is no
/// more; and a transfer of many megabytes takes a sixteenth of the calls that 4 KiB would, in what
/// a core's second cache still holds.
const LENT: usize = 64 * 1024;

type Bytes = [u8; LENT];

owner_local! {
    /// Here while it is not lent. Made by the first read that needs it, freed with the thread.
    static BUFFER: Cell<Option<Box<Bytes>>> = Cell::new(None)
}

/// The thread's buffer, or in a read inside another one's closure a new one. Goes back when it is
/// dropped.
struct Lent(
    /// None in its drop only.
    Option<Box<Bytes>>,
);

impl Lent {
    #[inline]
    fn take() -> Self {
        // A thread that is being torn down has none any more.
        Self(Some(BUFFER.try_with(Cell::take).ok().flatten().unwrap_or_else(new_buffer)))
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().map_or(&mut [], |bytes| bytes)
    }
}

impl Drop for Lent {
    #[inline]
    fn drop(&mut self) {
        let buffer = self.0.take();
        let _ = BUFFER.try_with(|home| home.set(buffer));
    }
}

/// Not by way of the stack.
#[cold]
fn new_buffer() -> Box<Bytes> {
    vec![0; LENT].try_into().expect("as many bytes as the type says")
}

/// How bytes come out of a kind of object.
pub(crate) trait Receive<T> {
    /// Whether fewer bytes than asked for mean that there is nothing more for now.
    const SHORT_MEANS_DRAINED: bool;

    fn receive(object: &T, buffer: &mut [u8]) -> io::Result<usize>;
}

/// By the object's own `Read`, of which nothing is known.
enum ByRead {}

impl<T> Receive<T> for ByRead
where
    for<'a> &'a T: Read,
{
    const SHORT_MEANS_DRAINED: bool = false;

    fn receive(mut object: &T, buffer: &mut [u8]) -> io::Result<usize> {
        object.read(buffer)
    }
}

/// Polls one read of `io`; takes `read` out when it is over. None is the end of the stream.
#[inline]
fn poll_lent<T, C: Receive<T>, R, F: FnOnce(&[u8]) -> R>(
    io: &Async<T>,
    cx: &mut Context<'_>,
    read: &mut Option<F>,
    _by: PhantomData<C>,
) -> Poll<io::Result<Option<R>>> {
    let mut lent: Option<Lent> = None;
    let received = io.poll_bytes(cx, Side::Read, C::SHORT_MEANS_DRAINED, LENT, |object| {
        C::receive(object, lent.get_or_insert_with(Lent::take).bytes())
    });
    let (received, read) = (ready!(received), read.take());
    Poll::Ready(received.map(|count| match (lent, read) {
        (Some(mut lent), Some(read)) if count > 0 => Some(read(&lent.bytes()[..count])),
        _ => None,
    }))
}

/// A read into the lent buffer. It holds no more than a reference and the closure: an idle
/// connection is as large as its futures.
struct ReadLent<'a, T, C, F> {
    io: &'a Async<T>,
    /// None when it is over.
    read: Option<F>,
    by: PhantomData<C>,
}

/// The closure is never pinned: it is taken out and called.
impl<T, C, F> Unpin for ReadLent<'_, T, C, F> {}

impl<T, C: Receive<T>, R, F: FnOnce(&[u8]) -> R> Future for ReadLent<'_, T, C, F> {
    type Output = io::Result<Option<R>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.read.is_none() {
            polled_after_completion("ReadLent");
        }
        poll_lent(this.io, cx, &mut this.read, this.by)
    }
}

impl<T> Async<T> {
    /// One read, by what `C` knows of the object.
    pub(crate) fn read_lent_by<C: Receive<T>, R>(
        &self,
        read: impl FnOnce(&[u8]) -> R,
    ) -> impl Future<Output = io::Result<Option<R>>> {
        ReadLent { io: self, read: Some(read), by: PhantomData::<C> }
    }

    /// As [`Async::read_lent_by`].
    pub(crate) fn poll_read_lent_by<C: Receive<T>, R>(
        &self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<Option<R>>> {
        poll_lent(self, cx, &mut Some(read), PhantomData::<C>)
    }
}

impl<T> Async<T>
where
    for<'a> &'a T: Read,
{
    /// Reads into a buffer that the thread lends, and calls `read` with what came, at least one
    /// byte. `None` is the end: there was nothing to call `read` with.
    ///
    /// A task that waits in this call holds no buffer; the thread has one of 64 KiB for all of
    /// them. For the details see [`TcpStream::read_lent`](crate::net::TcpStream::read_lent).
    ///
    /// For objects whose `Read` gives a stream of bytes, where 0 is the end.
    ///
    /// # Errors
    ///
    /// Those of the object's `Read`, and as [`read_with`](Async::read_with).
    ///
    /// # Panics
    ///
    /// If `read` panics, with its payload.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no byte: nothing was read, or `read` was called with it and the
    /// future is over.
    pub fn read_lent<R>(&self, read: impl FnOnce(&[u8]) -> R) -> impl Future<Output = io::Result<Option<R>>> {
        self.read_lent_by::<ByRead, R>(read)
    }

    /// The poll function behind [`read_lent`](Async::read_lent). `read` is dropped when it is not
    /// called. Every task that was told `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`read_lent`](Async::read_lent).
    pub fn poll_read_lent<R>(&self, cx: &mut Context<'_>, read: impl FnOnce(&[u8]) -> R) -> Poll<io::Result<Option<R>>> {
        self.poll_read_lent_by::<ByRead, R>(cx, read)
    }
}
