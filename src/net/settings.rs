//! What sockets can be told, and what is refused before the system is asked. `sys` does the
//! telling.

use std::fmt;
use std::io;
use std::time::Duration;

/// When a silent connection is probed, and when it is given up; see
/// [`TcpStream::set_keepalive`](crate::net::TcpStream::set_keepalive).
///
/// After `idle` without a byte from the peer a probe is sent, and then one each `interval`; when
/// `count` of them are unanswered the connection ends with [`TimedOut`](io::ErrorKind::TimedOut). A
/// peer that has vanished is so noticed after `idle + interval * count`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wakeline::net::Keepalive;
///
/// let patient = Keepalive::new(Duration::from_secs(60), Duration::from_secs(10), 3);
/// assert_eq!(patient.idle, Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long a connection may be silent before the first probe.
    pub idle: Duration,
    /// How long to wait for the answer to a probe.
    pub interval: Duration,
    /// How many unanswered probes end the connection.
    pub count: u32,
}

impl Keepalive {
    /// The three numbers, which are looked at when they are used: see
    /// [`TcpStream::set_keepalive`](crate::net::TcpStream::set_keepalive).
    pub const fn new(idle: Duration, interval: Duration, count: u32) -> Keepalive {
        Keepalive { idle, interval, count }
    }
}

/// What a listening socket is born with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listening {
    pub(crate) reuse_port: bool,
    pub(crate) backlog: u32,
    /// `None` leaves it to the system.
    pub(crate) v6only: Option<bool>,
}

/// One option with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Nodelay(bool),
    Keepalive(Option<Keepalive>),
    UserTimeout(Option<Duration>),
    Linger(Option<Duration>),
    RecvBuffer(usize),
    SendBuffer(usize),
}

impl Setting {
    /// Refuses what would mean something else to the system than it says: nothing at all, the
    /// default, or a part of the number.
    pub(crate) fn check(self) -> io::Result<()> {
        let wrong = match self {
            Self::Keepalive(Some(Keepalive { idle, interval, count })) => {
                idle.is_zero()
                    || interval.is_zero()
                    || count == 0
                    || seconds(idle).max(seconds(interval)) > MOST
                    || count > i32::MAX as u32
            }
            Self::UserTimeout(Some(timeout)) => timeout.is_zero() || milliseconds(timeout) > MOST,
            Self::Linger(Some(linger)) => seconds(linger) > MOST,
            Self::RecvBuffer(size) | Self::SendBuffer(size) => size == 0 || size as u128 > MOST,
            Self::Nodelay(_) | Self::Keepalive(None) | Self::UserTimeout(None) | Self::Linger(None) => false,
        };
        if wrong {
            let text = format!("cannot set {self}: each number has to be more than 0 and less than 2³¹ of its unit");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(())
    }
}

/// What a C `int` holds, which is what the system is told in.
const MOST: u128 = i32::MAX as u128;

/// Rounded up, so that no wait is shorter than it was said to be.
pub(crate) fn milliseconds(duration: Duration) -> u128 {
    duration.as_nanos().div_ceil(1_000_000)
}

/// Rounded up, as above.
pub(crate) fn seconds(duration: Duration) -> u128 {
    duration.as_nanos().div_ceil(1_000_000_000)
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodelay(nodelay) => write!(f, "TCP_NODELAY to {nodelay}"),
            Self::Keepalive(Some(Keepalive { idle, interval, count })) => {
                write!(f, "keep-alive to {count} probes, the first after {idle:?} and then one each {interval:?}")
            }
            Self::Keepalive(None) => f.write_str("keep-alive to off"),
            Self::UserTimeout(Some(timeout)) => write!(f, "TCP_USER_TIMEOUT to {timeout:?}, in milliseconds"),
            Self::UserTimeout(None) => f.write_str("TCP_USER_TIMEOUT to the default"),
            Self::Linger(Some(linger)) => write!(f, "SO_LINGER to {linger:?}, in seconds"),
            Self::Linger(None) => f.write_str("SO_LINGER to off"),
            Self::RecvBuffer(size) => write!(f, "SO_RCVBUF to {size} bytes"),
            Self::SendBuffer(size) => write!(f, "SO_SNDBUF to {size} bytes"),
        }
    }
}

/// The options of a builder, which has a list `settings`. Of an option that is named twice the last
/// value counts.
macro_rules! builder_options {
    () => {
        /// Whether small writes are sent at once (`TCP_NODELAY`). Off by default.
        pub fn nodelay(self, nodelay: bool) -> Self {
            self.with(Setting::Nodelay(nodelay))
        }

        /// Notices a peer that has vanished while the connection is silent: after `idle` without a
        /// byte a probe each `interval`, and an end when `count` are unanswered. Off by default.
        /// Units, limits and platforms: see
        /// [`TcpStream::set_keepalive`](crate::net::TcpStream::set_keepalive).
        pub fn keepalive(self, idle: Duration, interval: Duration, count: u32) -> Self {
            self.with(Setting::Keepalive(Some(Keepalive::new(idle, interval, count))))
        }

        /// How long what was written may stay unacknowledged before the connection ends; the
        /// system's default, a quarter of an hour or so, by default. See
        /// [`TcpStream::set_user_timeout`](crate::net::TcpStream::set_user_timeout).
        pub fn user_timeout(self, timeout: Duration) -> Self {
            self.with(Setting::UserTimeout(Some(timeout)))
        }

        /// What closing does about bytes that have not been sent yet. See
        /// [`TcpStream::set_linger`](crate::net::TcpStream::set_linger).
        pub fn linger(self, linger: Duration) -> Self {
            self.with(Setting::Linger(Some(linger)))
        }

        /// How many bytes that nobody has read yet the system keeps. It is best set here: the
        /// window that a peer may be offered is settled when the connection is made. See
        /// [`TcpStream::set_recv_buffer_size`](crate::net::TcpStream::set_recv_buffer_size).
        pub fn recv_buffer_size(self, size: usize) -> Self {
            self.with(Setting::RecvBuffer(size))
        }

        /// How many bytes that the peer has not acknowledged the system keeps. See
        /// [`TcpStream::set_send_buffer_size`](crate::net::TcpStream::set_send_buffer_size).
        pub fn send_buffer_size(self, size: usize) -> Self {
            self.with(Setting::SendBuffer(size))
        }

        fn with(mut self, setting: Setting) -> Self {
            self.settings.retain(|known: &Setting| std::mem::discriminant(known) != std::mem::discriminant(&setting));
            self.settings.push(setting);
            self
        }
    };
}
pub(crate) use builder_options;
