//! The options of a connection that lives.

use std::io;
use std::time::Duration;

use super::stream::TcpStream;
use crate::net::settings::{Keepalive, Setting};
use crate::net::sys;

impl TcpStream {
    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket().nodelay()
    }

    /// Sets whether small writes are sent at once, instead of being held back to be sent together.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        sys::set(self.socket(), Setting::Nodelay(nodelay))
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket().ttl()
    }

    /// Sets `IP_TTL`: how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket().set_ttl(ttl)
    }

    /// What [`set_keepalive`](Self::set_keepalive) has set; `None` when it is off.
    ///
    /// # Errors
    ///
    /// What the system says; [`Unsupported`](io::ErrorKind::Unsupported) on OpenBSD and Haiku when
    /// it is on, which have no such numbers for one socket.
    pub fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        sys::keepalive(self.socket())
    }

    /// Notices a peer that has vanished while the connection is silent (`SO_KEEPALIVE`,
    /// `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`).
    ///
    /// Without it a connection whose peer lost its power or its network is held for ever, unless
    /// something is written to it. A probe is empty and the peer's program sees nothing of it.
    /// `None`, the default, sends none.
    ///
    /// The durations are whole seconds to the system; they are rounded up.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # wakeline::block_on(async {
    /// # let stream = wakeline::net::TcpStream::connect("127.0.0.1:1").await?;
    /// use std::time::Duration;
    /// use wakeline::net::Keepalive;
    ///
    /// // Given up 90 s after the last sign of life.
    /// let (idle, interval) = (Duration::from_secs(60), Duration::from_secs(10));
    /// stream.set_keepalive(Some(Keepalive::new(idle, interval, 3)))?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), and nothing is turned on, when one of the
    /// numbers is 0 or beyond what the system takes; on Linux that is 32 767 s, and 127 probes.
    /// [`Unsupported`](io::ErrorKind::Unsupported) on OpenBSD and Haiku, which have no such numbers
    /// for one socket.
    pub fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()> {
        sys::set(self.socket(), Setting::Keepalive(keepalive))
    }

    /// What [`set_user_timeout`](Self::set_user_timeout) has set; `None` is the system's default.
    ///
    /// # Errors
    ///
    /// As [`set_user_timeout`](Self::set_user_timeout).
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        sys::user_timeout(self.socket())
    }

    /// Sets how long what was written may stay unacknowledged before the connection ends with
    /// [`TimedOut`](io::ErrorKind::TimedOut) (`TCP_USER_TIMEOUT`).
    ///
    /// It is the counterpart of [`set_keepalive`](Self::set_keepalive) for a connection that is
    /// *not* silent, which is probed by its own bytes: the default of most systems retries them for
    /// a quarter of an hour. Where both are set this one decides when unanswered probes end the
    /// connection. Before connecting it also limits how long that is tried. `None` is the system's
    /// default.
    ///
    /// Milliseconds to the system; rounded up.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for zero and for more than 24 days.
    /// [`Unsupported`](io::ErrorKind::Unsupported) elsewhere than on Linux, Android and Fuchsia.
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        sys::set(self.socket(), Setting::UserTimeout(timeout))
    }

    /// The value of `SO_LINGER`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        sys::linger(self.socket())
    }

    /// Sets what closing does about bytes that have not been sent yet (`SO_LINGER`, whole seconds,
    /// rounded up).
    ///
    /// `None`, the default: they are sent in the background. Zero: they are dropped and the peer
    /// sees a reset. Any other duration makes the drop of this stream **block its thread** until
    /// they are sent, at most that long; on a thread with other tasks that is rarely wanted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for more than 68 years, otherwise what the
    /// system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        sys::set(self.socket(), Setting::Linger(linger))
    }

    /// How many bytes that nobody has read yet the system keeps (`SO_RCVBUF`). Linux says twice
    /// what was set, because it counts its own needs too.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        sys::recv_buffer_size(self.socket())
    }

    /// Sets how many bytes that nobody has read yet the system keeps.
    ///
    /// A system that adjusts the size by itself, as Linux does, stops that for this connection. It
    /// has limits of its own, at which it stops without a word.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0 and for 2³¹ and more, otherwise what
    /// the system says.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        sys::set(self.socket(), Setting::RecvBuffer(size))
    }

    /// How many bytes that the peer has not acknowledged the system keeps (`SO_SNDBUF`). Linux says
    /// twice what was set.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        sys::send_buffer_size(self.socket())
    }

    /// Sets how many bytes that the peer has not acknowledged the system keeps; otherwise as
    /// [`set_recv_buffer_size`](Self::set_recv_buffer_size).
    ///
    /// # Errors
    ///
    /// As [`set_recv_buffer_size`](Self::set_recv_buffer_size).
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        sys::set(self.socket(), Setting::SendBuffer(size))
    }
}
