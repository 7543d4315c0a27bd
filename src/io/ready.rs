//! What is known of an object at a moment, and the public names for it. A question about it uses up
//! nothing that another task waits for.
//!
//! [`Async::ready`] does not take part in the edges' bookkeeping: it notes which edge each side has
//! seen, asks the kernel, and when the answer is no waits for a later edge. So a task that waits
//! for urgent data leaves the ordinary bytes, which it was not asked about, to their readers.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::{BitOr, Range};
use std::task::{Context, Poll, ready};

use super::call::check_turned;
use super::object::Async;
use crate::executor::context;
use crate::reactor::descriptor::{AsDescriptor, State, borrow};
use crate::reactor::{Drained, Side, state};

/// What to wait for with [`Async::ready`]: one thing, or several with `|`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(State);

impl Interest {
    /// There is something to read, or an end.
    pub const READABLE: Interest = Interest(State::READABLE.with(State::READ_CLOSED));
    /// There is room to write, or nothing can be written any more.
    pub const WRITABLE: Interest = Interest(State::WRITABLE.with(State::WRITE_CLOSED));
    /// There is urgent data (`POLLPRI`): out-of-band bytes of TCP, a change of what some files of
    /// `/proc` and `/sys` say.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Interest = Interest(State::PRIORITY);
    /// There is an error to be asked for. Only Linux tells of it alone; elsewhere it makes an
    /// object readable or writable.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const ERROR: Interest = Interest(State::ERROR);

    /// The sides, of [`SIDES`], whose edges tell of it. An error comes as an edge of both.
    fn sides(self) -> Range<usize> {
        let reads = self.0.has_any(State::READABLE.with(State::PRIORITY));
        let writes = self.0.has_any(State::WRITABLE);
        usize::from(writes && !reads)..1 + usize::from(writes)
    }
}

const SIDES: [Side; 2] = [Side::Read, Side::Write];

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0.with(other.0))
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |state, name| self.0.has_any(state).then_some(name);
        let names = [
            one(State::READABLE, "READABLE"),
            one(State::WRITABLE, "WRITABLE"),
            one(State::PRIORITY, "PRIORITY"),
            one(State::ERROR, "ERROR"),
        ];
        f.write_str(&names.into_iter().flatten().collect::<Vec<_>>().join(" | "))
    }
}

/// What was found by [`Async::ready`]: as it was when the kernel was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ready(State);

impl Ready {
    /// Whether a read would find something. Said only if it was asked for.
    pub fn is_readable(self) -> bool {
        self.0.has_any(State::READABLE)
    }

    /// Whether a write would find room. Said only if it was asked for.
    pub fn is_writable(self) -> bool {
        self.0.has_any(State::WRITABLE)
    }

    /// Whether there is urgent data. Said only if it was asked for.
    pub fn is_priority(self) -> bool {
        self.0.has_any(State::PRIORITY)
    }

    /// Whether there is an error to be asked for.
    pub fn is_error(self) -> bool {
        self.0.has_any(State::ERROR)
    }

    /// Whether the peer has ended its side; there may be bytes left to read before the end.
    /// Elsewhere than on Linux only if both sides have ended.
    pub fn is_read_closed(self) -> bool {
        self.0.has_any(State::READ_CLOSED)
    }

    /// Whether nothing can be written any more. `false` is no promise: some systems say so only by
    /// the error of a write.
    pub fn is_write_closed(self) -> bool {
        self.0.has_any(State::WRITE_CLOSED)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("readable", &self.is_readable())
            .field("writable", &self.is_writable())
            .field("priority", &self.is_priority())
            .field("error", &self.is_error())
            .field("read_closed", &self.is_read_closed())
            .field("write_closed", &self.is_write_closed())
            .finish()
    }
}

impl<T: AsDescriptor> Async<T> {
    /// Waits until one of several things can be said of the object, and says all that can.
    ///
    /// It asks the kernel and uses nothing up, so it ends at once as long as what it was asked for
    /// lasts. It ends also when the object is broken or has ended on both sides, whatever it was
    /// asked for. For plain reading and writing [`readable`](Async::readable) and
    /// [`read_with`](Async::read_with) do with fewer calls.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// # wakeline::block_on(async {
    /// use std::os::unix::net::UnixStream;
    /// use wakeline::io::{Async, Interest};
    ///
    /// let (near, far) = UnixStream::pair()?;
    /// let near = Async::new(near)?;
    /// drop(far);
    /// let ready = near.ready(Interest::READABLE | Interest::ERROR).await?;
    /// assert!(ready.is_read_closed() && !ready.is_error());
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readable`](Async::readable).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping this future.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| self.poll_ready(cx, interest)).await
    }

    /// The poll function behind [`ready`](Async::ready). Every task that was told `Pending` is
    /// woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`readable`](Async::readable).
    pub fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<Ready>> {
        ready!(context::poll_budget(cx));
        let sides = interest.sides();
        loop {
            // Noted before the kernel is asked: an edge that comes in between is later than its
            // note.
            let noted = SIDES.map(|side| (side, self.source.seen(side)));
            self.source.count_call();
            let found = state(borrow(&self.object), interest.0)?;
            if found != State::default() {
                context::spend_budget();
                return Poll::Ready(Ok(Ready(found)));
            }
            check_turned(&self.source, SIDES[sides.start])?;
            if ready!(self.source.park_past(cx, &noted[sides.clone()]))? == Drained::Never {
                return Poll::Ready(Ok(Ready(found)));
            }
        }
    }
}
