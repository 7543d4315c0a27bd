//! Sharing out the connections of a server between its cores.
//!
//! It owns the public face of the policy and its statistics. It never moves a connection that has
//! been served.
//!
//! With one listener per core on one port (`SO_REUSEPORT`) the kernel spreads connections by a
//! hash, blind to how many each core has and how long they last. [`Balance`] corrects that at the
//! one moment at which it is cheap: a connection that has just been accepted is a number and an
//! address, nobody waits for it, nothing is registered. A core that has more than its share passes
//! that number on through a queue, whose receiver is woken like any task, by way of its inbox.
//!
//! It is a policy to be chosen, never a default: handing over costs a wake of another core, and a
//! connection is served there with a cold cache.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{self, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use super::load::{Counted, Counter};
use super::tcp::{TcpListener, TcpStream};
use crate::runtime::CoreIndex;
use crate::sync::Arc;

pub(crate) mod members;

use members::{JoinRefused, Members, Membership, Placed};

/// A connection that no core has tied to its reactor yet.
type Accepted = (net::TcpStream, SocketAddr);

/// Shares out accepted connections between the cores of a server, so that each has about as many as
/// the others.
///
/// Made once and cloned to every core. There each core [joins](Balance::join) with a listener of
/// its own, usually all on one port ([`reuse_port`](super::TcpListenerBuilder::reuse_port)), and
/// accepts from the [`BalancedListener`] that it gets.
///
/// # The policy
///
/// A core that has accepted a connection, and at that moment has more live connections than the
/// average of the cores that have joined, hands it to the core that has the fewest; there it comes
/// out of [`accept`](BalancedListener::accept). A connection is live from then until its
/// [`TcpStream`] is dropped, with both halves if it was split, or given up by
/// [`into_std`](TcpStream::into_std). With [`slack`](BalanceBuilder::slack) small differences are
/// left alone.
///
/// Connections never move later on: those that were accepted while all cores had as many stay where
/// they are, however unevenly they end. New ones then go to where there is room.
///
/// # A core that leaves
///
/// A core leaves by dropping its [`BalancedListener`]; connections that it serves are not touched.
/// Those that were handed to it and not yet accepted there are handed on to the core that has the
/// fewest. If no core is left they are closed, as the system closes those that wait in a listener's
/// backlog. A core may join again.
///
/// A core that has joined and does not call `accept` is given connections all the same, as its
/// listener's backlog would be. A core that stops accepting for long should leave.
///
/// # Examples
///
/// Two "cores" of one thread, to be short; in a server each is an executor of its own.
///
/// ```
/// # wakeline::block_on(async {
/// use wakeline::net::{Balance, TcpListener, TcpStream};
///
/// let balance = Balance::new(2);
/// let first = balance.join(0, TcpListener::bind("127.0.0.1:0").await?)?;
/// let second = balance.join(1, TcpListener::bind("127.0.0.1:0").await?)?;
///
/// // Both clients come to the first core, and the second one serves one of them.
/// let addr = first.local_addr()?;
/// let _clients = [TcpStream::connect(addr).await?, TcpStream::connect(addr).await?];
/// let (_stream, _) = first.accept().await?;
/// let (_other, _) = futures_lite::future::or(first.accept(), second.accept()).await?;
/// let metrics = balance.metrics();
/// assert_eq!([metrics[0].live, metrics[1].live], [1, 1]);
/// assert_eq!(metrics[1].taken_over, 1);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Balance {
    members: Arc<Members<Accepted>>,
    slack: usize,
}

/// What a core has done with connections; see [`Balance::metrics`].
///
/// The connections that a core has been given to serve are `accepted - handed_away + taken_over`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BalanceMetrics {
    /// Whether the core has a listener now.
    pub joined: bool,
    /// Connections that are open, and those that were handed to this core and not yet accepted
    /// there.
    pub live: usize,
    /// Connections that this core's listener has accepted so far.
    pub accepted: usize,
    /// Those of them that were handed to another core.
    pub handed_away: usize,
    /// Connections of other cores that this one has taken.
    pub taken_over: usize,
}

impl Balance {
    /// A balance between the cores 0 to `cores - 1`, none of which has joined, with the default
    /// options.
    pub fn new(cores: usize) -> Balance {
        Balance::builder(cores).build()
    }

    /// Sets options.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::net::Balance;
    ///
    /// let balance = Balance::builder(4).slack(10).build();
    /// assert_eq!(balance.metrics().len(), 4);
    /// ```
    pub fn builder(cores: usize) -> BalanceBuilder {
        BalanceBuilder { cores, slack: 0 }
    }

    /// Lets `core` take part, with its own listener. The core is named by its number, or by the
    /// runtime's [`Core`](crate::Core).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a core that this balance does not have,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) while the core has another listener here.
    /// The listener is closed then.
    pub fn join(&self, core: impl CoreIndex, listener: TcpListener) -> io::Result<BalancedListener> {
        let core = core.number();
        let membership = Members::join(&self.members, core).map_err(|refused| match refused {
            JoinRefused::NoSuchCore => {
                let text = format!("there is no core {core}: this balance has {}", self.members.count());
                io::Error::new(io::ErrorKind::InvalidInput, text)
            }
            JoinRefused::AlreadyJoined => {
                let text = format!("core {core} has a listener in this balance already");
                io::Error::new(io::ErrorKind::AlreadyExists, text)
            }
        })?;
        Ok(BalancedListener { listener, membership, slack: self.slack, own_first: Cell::new(true) })
    }

    /// What each core has done, in the order of the cores. While cores are at work the numbers may
    /// be a little late.
    pub fn metrics(&self) -> Vec<BalanceMetrics> {
        let metrics = |core| {
            let load = self.members.load(core);
            BalanceMetrics {
                joined: self.members.has_joined(core),
                live: load.live(),
                accepted: load.counted(Counter::Accepted),
                handed_away: load.counted(Counter::HandedAway),
                taken_over: load.counted(Counter::TakenOver),
            }
        };
        (0..self.members.count()).map(metrics).collect()
    }
}

/// Options of a [`Balance`]; made by [`Balance::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct BalanceBuilder {
    cores: usize,
    slack: usize,
}

impl BalanceBuilder {
    /// By how many live connections a core may be above the average before it hands new ones on. 0
    /// by default, which keeps the cores as equal as can be; `usize::MAX` hands nothing on.
    ///
    /// With connections that are short, or many on every core, a few percent of a core's usual
    /// number saves most of the handing over.
    pub fn slack(mut self, connections: usize) -> Self {
        self.slack = connections;
        self
    }

    /// A balance of which no core has joined.
    pub fn build(self) -> Balance {
        Balance { members: Arc::new(Members::new(self.cores)), slack: self.slack }
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("slack", &self.slack).field("cores", &self.metrics()).finish()
    }
}

/// The listener of a core that takes part in a [`Balance`]. Dropping it is leaving.
pub struct BalancedListener {
    listener: TcpListener,
    membership: Membership<Accepted>,
    slack: usize,
    /// Which of the two sources the next poll asks first.
    own_first: Cell<bool>,
}

impl BalancedListener {
    /// Takes the next connection that this core shall serve: one of its own listener, or one that
    /// another core has handed over.
    ///
    /// Connections of the own listener that another core shall serve are handed away meanwhile.
    /// Both sources get their turn, however busy the other is. Several tasks of this core may
    /// accept. Handed connections have the options with which *their* listener was built.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`]; handed connections keep coming when the own listener fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let mut handed = pin!(self.membership.recv());
        let ((socket, peer), counted) = poll_fn(|cx| {
            // Asked anew at each poll, not at each connection: a poll may end with all it found
            // handed away.
            let own_first = self.own_first.replace(!self.own_first.get());
            if own_first {
                if let Poll::Ready(own) = self.poll_own(cx) {
                    return Poll::Ready(own);
                }
            }
            if let Poll::Ready(handed) = handed.as_mut().poll(cx) {
                return Poll::Ready(Ok(handed));
            }
            if own_first { Poll::Pending } else { self.poll_own(cx) }
        })
        .await?;
        Ok((TcpStream::counted(self.listener.adopt(socket), counted), peer))
    }

    /// Accepts until there is a connection that stays here. Each one is charged to the task's
    /// budget, those that are handed away too.
    fn poll_own(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, Counted)>> {
        loop {
            let accepted = ready!(self.listener.poll_accept_socket(cx))?;
            if let Placed::Here(accepted, counted) = self.membership.place(accepted, self.slack) {
                return Poll::Ready(Ok((accepted, counted)));
            }
        }
    }

    /// The address that the own listener is bound to.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Leaves, and gives the listener back: what is in its backlog can still be accepted.
    pub fn leave(self) -> TcpListener {
        self.listener
    }
}

impl fmt::Debug for BalancedListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalancedListener").field("listener", &self.listener).field("slack", &self.slack).finish_non_exhaustive()
    }
}
