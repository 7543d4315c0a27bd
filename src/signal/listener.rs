//! One task's view of one signal. Its end of the self-pipe stays open as long as the handler may
//! write.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_io::AsyncRead;

use super::handler::Handler;
use super::kind::SignalKind;
use super::self_pipe::SelfPipe;
use super::sys::without_sigpipe;
use crate::executor::context;
use crate::io::Async;
use crate::reactor::{Kind, Sides};

static READ_END: Kind = Kind { sides: Sides::READ, read: "Signal::recv", write: "a signal, which is never written to," };

/// Receives one kind of signal, from its creation on.
///
/// There may be several for one kind, on one thread or on many: each receives every signal. Signals
/// that come before the last one was received count as one with it, as they do to the kernel.
///
/// It belongs to the thread whose executor was entered when it was made. Dropping it does *not*
/// give the signal back its default action: a process that has once caught `SIGINT` is not ended by
/// it any more. (What another thread or library installed meanwhile could not be told from what was
/// there before.) Handlers that were installed before go on being called.
///
/// # Forked children
///
/// In a forked child it receives nothing and [`recv`](Signal::recv) says so; make a new one there.
/// As everything that is not async-signal-safe, making one in a child whose parent had several
/// threads may hang: some thread may have held a lock.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use wakeline::signal::{Signal, SignalKind};
///
/// wakeline::block_on(async {
///     let mut reload = Signal::new(SignalKind::hangup())?;
///     # rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
///     // Somebody calls `kill -HUP`.
///     reload.recv().await?;
///     println!("reading the configuration again");
///     Ok(())
/// })
/// # }
/// ```
#[must_use = "signals that nobody receives are lost"]
pub struct Signal {
    /// Declared first and so dropped first: no handler writes to a socket that nobody reads.
    handler: Handler,
    read_end: Async<UnixStream>,
    pipe: Arc<SelfPipe<UnixStream>>,
    kind: SignalKind,
}

impl Signal {
    /// Catches signals of this kind from now on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), with the signal's name, for those that cannot
    /// be caught (`SIGKILL`, `SIGSTOP`), those after which a program cannot go on (`SIGILL`,
    /// `SIGFPE`, `SIGSEGV`), and numbers that are no signal. An error that says so where no
    /// executor is entered. Otherwise the system's, when descriptors or memory have run out: each
    /// `Signal` has two descriptors, and the thread's event queue is opened here if it was not yet.
    /// The signal is not caught then. Nothing more is needed to wait for it.
    pub fn new(kind: SignalKind) -> io::Result<Signal> {
        let (reader, writer) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        without_sigpipe(&writer)?;
        let read_end = Async::of_kind(reader, &READ_END, "Signal::new")?;
        read_end.register()?;
        let pipe = Arc::new(SelfPipe::new(writer));
        let handler = Handler::register(kind.as_raw(), pipe.clone()).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::InvalidInput, kind.refusal()),
            _ => error,
        })?;
        Ok(Signal { handler, read_end, pipe, kind })
    }

    /// Waits for a signal; returns at once if one has come since the last call.
    ///
    /// # Errors
    ///
    /// In a forked child, see [above](Signal#forked-children). One that says so, if it would have
    /// to wait where no executor is entered; a signal that has come is received there, too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no signal.
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for a signal; see [`recv`](Signal::recv).
    ///
    /// # Errors
    ///
    /// As [`recv`](Signal::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.pipe.is_of_this_process() {
            return Poll::Ready(Err(self.wrong_process()));
        }
        ready!(context::poll_budget(cx));
        let mut bytes = [0; 64];
        let mut read_end = &self.read_end;
        ready!(self.pipe.poll_raised(|| Pin::new(&mut read_end).poll_read(cx, &mut bytes).map_ok(drop)))?;
        context::spend_budget();
        Poll::Ready(Ok(()))
    }

    /// What it waits for.
    pub fn kind(&self) -> SignalKind {
        self.kind
    }

    #[cold]
    fn wrong_process(&self) -> io::Error {
        io::Error::other(format!(
            "this receiver of {} was carried into a child by a fork; make a new one in the child",
            self.kind
        ))
    }
}

/// The signals as a stream that never ends; an item is what [`recv`](Signal::recv) returns.
impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}

/// Whatever a receive has said, the next may succeed.
impl FusedStream for Signal {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).field("handler", &self.handler).finish_non_exhaustive()
    }
}
