//! [`Async`]: an object and its source. The source is deregistered before the object is let out.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::call::{LastTry, check_turned, poll_call, poll_edge};
use crate::executor::context;
use crate::reactor::descriptor::{AsDescriptor, borrow};
use crate::reactor::{self, Drained, Kind, Reactor, Side, Sides, Source};

/// An object of which nothing is known but its descriptor.
static ANY: Kind = Kind { sides: Sides::BOTH, read: "a read of an io::Async", write: "a write to an io::Async" };

/// An I/O object that tasks can wait for: any descriptor on Unix, any socket on Windows.
///
/// The object is switched to non-blocking mode, which on Unix is a property of the open file: it
/// also holds for duplicates of the descriptor, for other processes that share it, and after
/// [`into_inner`](Async::into_inner).
///
/// An `Async` belongs to the thread on which it was made and can be used by all tasks there,
/// several at a time: every task that waits for one side is woken when that side becomes ready. To
/// move the object to another thread, take it out with `into_inner` and wrap it there.
///
/// What has to wait needs an executor of this crate around it, on the same thread; it need not be
/// the one under which the `Async` was made. Elsewhere the call returns an error that says so. One
/// case cannot be seen and hangs: the `block_on` of another crate *inside* a task of this one,
/// which stops the thread that should have woken it.
///
/// A write to a socket whose peer has gone may raise `SIGPIPE` in programs that have restored its
/// default: that is up to the object's own [`Write`](io::Write). The types of [`net`](crate::net)
/// never do.
///
/// Regular files, directories and devices that never make anybody wait count as always ready;
/// reading a slow disk through this type blocks the thread.
///
/// # Closed sooner than it should be
///
/// Closing the descriptor by its number, behind the `Async`, is not undefined behaviour but a
/// mistake: later calls return the kernel's error (`EBADF`), or act on whatever got that number
/// since, as they would without this crate. The same goes for a type of your own that exchanges its
/// descriptor inside its `Read` or `Write`: events would be missed.
///
/// # Examples
///
/// Any type that has a descriptor will do; reads and writes come with the `futures_io` traits:
///
/// ```
/// # #[cfg(unix)] {
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wakeline::io::Async;
///
/// let received = wakeline::block_on(async {
///     let (left, right) = UnixStream::pair()?;
///     let (left, right) = (Async::new(left)?, Async::new(right)?);
///     left.write_with(|mut left| left.write_all(b"hello")).await?;
///     let mut buffer = [0; 16];
///     let count = right.read_with(|mut right| right.read(&mut buffer)).await?;
///     std::io::Result::Ok(buffer[..count].to_vec())
/// });
/// assert_eq!(received.unwrap(), b"hello");
/// # }
/// ```
pub struct Async<T> {
    /// Declared first and so dropped first: the source must be off the kernel's list before the
    /// object closes its descriptor ([R1]).
    pub(super) source: Source,
    pub(super) object: T,
}

impl<T: AsDescriptor> Async<T> {
    /// Makes `object` non-blocking and ties it to the executor of this thread.
    ///
    /// The descriptor is not registered with the kernel before a call on it would have to wait.
    ///
    /// # Errors
    ///
    /// If no executor is entered on this thread; if this process was forked off the executor's; and
    /// what the kernel says when it is asked to make the descriptor non-blocking, `EBADF` for a
    /// closed one.
    ///
    /// That the descriptor is registered already, through another `Async`, shows at the first call
    /// that has to wait, as [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    pub fn new(object: T) -> io::Result<Self> {
        Self::of_kind(object, &ANY, "io::Async::new")
    }

    /// As [`Async::new`], for an object of a known kind that is made by `maker`.
    pub(crate) fn of_kind(object: T, kind: &'static Kind, maker: &str) -> io::Result<Self> {
        let reactor = context::reactor(maker)?;
        let source = Source::new(reactor, borrow(&object), kind)?;
        Ok(Self { source, object })
    }

    /// As [`Async::of_kind`], for an object that was created non-blocking: spares the system call
    /// that would make it so.
    pub(crate) fn from_nonblocking(object: T, kind: &'static Kind, maker: &str) -> io::Result<Self> {
        let reactor = context::reactor(maker)?;
        let source = Source::from_nonblocking(reactor, borrow(&object), kind);
        Ok(Self { source, object })
    }

    /// As [`Async::from_nonblocking`], for an object that has come out of this one and stays on its
    /// thread; also where no executor is entered.
    pub(crate) fn beside<U: AsDescriptor>(&self, object: U, kind: &'static Kind) -> Async<U> {
        let source = Source::from_nonblocking(Rc::clone(self.source.reactor()), borrow(&object), kind);
        Async { source, object }
    }

    /// The reactor that it is tied to.
    pub(crate) fn reactor(&self) -> &Rc<Reactor> {
        self.source.reactor()
    }

    /// Is of another kind from now on.
    pub(crate) fn turned_into(self, kind: &'static Kind) -> Self {
        self.source.set_kind(kind);
        self
    }

    /// Registers the descriptor with the kernel now, and not at the first call that has to wait.
    ///
    /// For what must not fail later: the first wait of a thread needs descriptors for the thread's
    /// own event queue, and they may have run out by then. After this call waiting needs nothing
    /// more.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out, and the call may be repeated;
    /// otherwise as [`readable`](Async::readable).
    pub fn register(&self) -> io::Result<()> {
        self.source.register_now()
    }

    /// Waits until a read would do something: there is data, an end or an error, or for a listener
    /// a connection.
    ///
    /// The kernel is asked, so that the answer is right also after calls that were made on
    /// [`get_ref`](Async::get_ref) directly. By the time the caller acts another task may have been
    /// faster: treat *would block* as normal and wait again, or use
    /// [`read_with`](Async::read_with), which does.
    ///
    /// # Errors
    ///
    /// The kernel's, if the descriptor cannot be waited for;
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is registered through another `Async`
    /// on this thread. An error that says so, if it would have to wait where no executor is
    /// entered, for instance under the `block_on` of another crate, or in a forked child.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping this future: readiness stays until a call uses it up.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_readable(context)).await
    }

    /// Waits until a write would do something: there is room, or an error to report.
    ///
    /// Otherwise as [`readable`](Async::readable).
    ///
    /// # Errors
    ///
    /// As [`readable`](Async::readable).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping this future: readiness stays until a call uses it up.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_writable(context)).await
    }

    /// The poll function behind [`readable`](Async::readable). Every task that was told `Pending`
    /// is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`readable`](Async::readable).
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_side(context, Side::Read)
    }

    /// The poll function behind [`writable`](Async::writable). Every task that was told `Pending`
    /// is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`readable`](Async::readable).
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_side(context, Side::Write)
    }

    /// Calls `read` as soon as reading is worth a try, and again after each time it says that it
    /// would block.
    ///
    /// `read` must try until it gets something or is told
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); inventing that error for another reason means to
    /// wait for the kernel's next word, which may never come.
    ///
    /// # Errors
    ///
    /// Those of `read`, and those of [`readable`](Async::readable). *Would block* itself is
    /// returned where the kernel refuses to watch the descriptor (Linux does so for regular files),
    /// because there is nothing to wait for.
    ///
    /// # Cancel safety
    ///
    /// As safe as `read` is: it has either returned a result, which is the future's output, or done
    /// nothing.
    pub async fn read_with<R>(&self, mut read: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|context| self.poll_read_with(context, &mut read)).await
    }

    /// Calls `write` as soon as writing is worth a try, and again after each time it says that it
    /// would block.
    ///
    /// Otherwise as [`read_with`](Async::read_with).
    ///
    /// # Errors
    ///
    /// Those of `write`, and as [`read_with`](Async::read_with).
    ///
    /// # Cancel safety
    ///
    /// As safe as `write` is: it has either returned a result, which is the future's output, or
    /// done nothing.
    pub async fn write_with<R>(&self, mut write: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|context| self.poll_write_with(context, &mut write)).await
    }

    /// The poll function behind [`read_with`](Async::read_with). Every task that was told `Pending`
    /// is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`read_with`](Async::read_with).
    pub fn poll_read_with<R>(&self, context: &mut Context<'_>, mut read: impl FnMut(&T) -> io::Result<R>) -> Poll<io::Result<R>> {
        poll_call(&self.source, context, Side::Read, || read(&self.object)).map_ok(|(result, _)| result)
    }

    /// The poll function behind [`write_with`](Async::write_with). Every task that was told
    /// `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`read_with`](Async::read_with).
    pub fn poll_write_with<R>(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        poll_call(&self.source, context, Side::Write, || write(&self.object)).map_ok(|(result, _)| result)
    }

    fn poll_side(&self, context: &mut Context<'_>, side: Side) -> Poll<io::Result<()>> {
        ready!(context::poll_budget(context));
        let answer = ready!(self.poll_confirmed(context, side));
        context::spend_budget();
        Poll::Ready(answer)
    }

    /// Asks the kernel before it says yes: for callers whose own calls we do not see.
    fn poll_confirmed(&self, context: &mut Context<'_>, side: Side) -> Poll<io::Result<()>> {
        let mut last = LastTry::Left;
        loop {
            let edge = ready!(poll_edge(&self.source, context, side, &mut last))?;
            self.source.count_call();
            if reactor::is_ready(borrow(&self.object), side)? || self.source.drained(side, edge) == Drained::Never {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T> Async<T> {
    /// Says so when a task that waits for this object here would never be woken.
    pub(crate) fn check_turned(&self, side: Side) -> io::Result<()> {
        check_turned(&self.source, side)
    }

    /// The object.
    ///
    /// Calls made on it directly are non-blocking; what they used up is noticed by the next wait.
    pub fn get_ref(&self) -> &T {
        &self.object
    }

    /// Takes the object out. It stays non-blocking; the reactor no longer knows it.
    ///
    /// Tasks that wait for it by means of a poll function are woken.
    pub fn into_inner(self) -> T {
        let Self { source, object } = self;
        drop(source);
        object
    }
}

/// The object is never pinned; a reference to it is all that anybody gets.
impl<T> Unpin for Async<T> {}

impl<T: fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Async").field(&self.object).finish()
    }
}

#[cfg(unix)]
impl<T: AsDescriptor> std::os::fd::AsFd for Async<T> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        borrow(&self.object)
    }
}

#[cfg(windows)]
impl<T: AsDescriptor> std::os::windows::io::AsSocket for Async<T> {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        borrow(&self.object)
    }
}

#[cfg(unix)]
impl<T: AsDescriptor> std::os::fd::AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&borrow(&self.object))
    }
}

#[cfg(windows)]
impl<T: AsDescriptor> std::os::windows::io::AsRawSocket for Async<T> {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        std::os::windows::io::AsRawSocket::as_raw_socket(&borrow(&self.object))
    }
}
