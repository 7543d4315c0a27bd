//! Sharing out the connections of a server between its cores.
//!
//! The public side of it is here, with its statistics. Connections that have been served stay where
//! they are.
//!
//! With one listener per core on one port (`SO_REUSEPORT`) the kernel spreads connections by a
//! hash, blind to how busy each core is, how many it has and how long they last. [`Balance`]
//! corrects that at the one moment at which it is cheap: a connection that has just been accepted
//! is a number and an address, nobody waits for it, nothing is registered. A core that has more
//! than its share passes that number on through a queue, whose receiver is woken like any task, by
//! way of its inbox.
//!
//! It is a policy to be chosen, never a default: handing over costs a wake of another core, and a
//! connection is served there with a cold cache.

use std::fmt;
use std::io;

use super::load::Counter;
use super::sys;
use super::tcp::{self, Accepted, TcpListener};
use crate::runtime::{CoreIndex, allowed_cpus};
use crate::sync::Arc;

mod builder;
mod choice;
#[cfg_attr(not(all(target_os = "linux", not(wakeline_loom))), path = "balance/guard_elsewhere.rs")]
mod guard;
mod listener;
pub(crate) mod members;
pub(crate) mod policy;

pub use builder::BalanceBuilder;
use guard::ArrivalQueue;
pub use listener::BalancedListener;
use members::{BacklogSource, JoinRefused, Joining, Members};
pub use policy::BalancePolicy;

/// Shares out accepted connections between the cores of a server, by how busy each one is and how
/// many it has.
///
/// Made once and cloned to every core. There each core [joins](Balance::join) with a listener of
/// its own, usually all on one port ([`reuse_port`](super::TcpListenerBuilder::reuse_port)), and
/// accepts from the [`BalancedListener`] that it gets.
///
/// # The policy
///
/// A core that has accepted a connection looks at two others that have joined. If the better one is
/// less busy, it gets the connection; if both are about as busy, it gets it when the core that has
/// accepted has more live connections than the average and than that one. There it comes out of
/// [`accept`](BalancedListener::accept). [`BalancePolicy`] says what busy means, and which other
/// policies there are. A connection is live from the choice until its
/// [`TcpStream`](super::TcpStream) is dropped, with both halves if it was split, or given up by
/// [`into_std`](super::TcpStream::into_std). With [`slack`](BalanceBuilder::slack) small
/// differences are left alone.
///
/// Connections never move later on: those that were accepted while all cores had as many stay where
/// they are, however unevenly they end. New ones then go to where there is room.
///
/// # A core that is stuck
///
/// A core whose thread has been awake for [10 ms](BalanceBuilder::stuck_after) without a look at
/// its sockets is stuck: a poll does not return, or the system does not let the thread run. It is
/// given nothing, and what waits for it is taken back and served by the others: what was handed to
/// it and not accepted there, and what is in its listener's backlog. A core that goes round its
/// loop and is busy for more than three quarters of the time gets help from one that is not: on
/// Linux that one is told of each connection in the busy one's backlog and accepts it at once. No
/// connection is accepted twice.
///
/// This is seen by cores whose executor runs and where a task waits in `accept`. While another core
/// is awake such a core looks once in [`stuck_after`](BalanceBuilder::stuck_after), by a timer;
/// while all others sleep it sleeps too, and has no timer. So when a core gets stuck while all the
/// others sleep, a connection in its backlog waits until one of them has to accept something, or
/// the core comes back. Cores that share one thread are never stuck for each other.
///
/// # What it costs
///
/// A thread whose core has joined reads the clock when it parks, when it comes back, and at each
/// look at its sockets, and nothing per poll. Each core needs two descriptors more on Linux, one
/// elsewhere. Handing over costs a wake of the other core.
///
/// # A core that leaves
///
/// A core leaves by dropping its [`BalancedListener`]; connections that it serves are not touched.
/// Those that were handed to it and not yet accepted there are handed on. If no core is left they
/// are closed, as the system closes those that wait in a listener's backlog. A core may join again.
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
    /// Connections that came out of this core's listener so far, also those that another core has
    /// taken out while this one was stuck or busy.
    pub accepted: usize,
    /// Those of them that another core got.
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
        BalanceBuilder::new(cores)
    }

    /// Lets `core` take part, with its own listener. The core is named by its number, or by the
    /// runtime's [`Core`](crate::Core).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a core that this balance does not have,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) while the core has another listener here,
    /// and what the system says when no descriptor is left: each core needs a second one. With
    /// [`BalancePolicy::IncomingCpu`] also [`Unsupported`](io::ErrorKind::Unsupported) where the
    /// system has no `SO_INCOMING_CPU`, and `InvalidInput` on a thread that is not pinned to one
    /// CPU. The listener is closed then.
    pub fn join(&self, core: impl CoreIndex, listener: TcpListener) -> io::Result<BalancedListener> {
        let core = core.number();
        let cpu = match self.members.rules().policy {
            BalancePolicy::IncomingCpu => Some(bind_to_cpu(core, &listener)?),
            BalancePolicy::Busy | BalancePolicy::Connections => None,
        };
        let backlog = listener.backlog()?;
        let arrivals = ArrivalQueue::of(backlog.socket())?;
        let watched = WatchedBacklog { arrivals: arrivals.clone(), backlog };
        let backlog = Some(Box::new(move || watched.backlog.take()) as BacklogSource<Accepted>);
        let joining = Joining { core, cpu, backlog, arrivals };
        let membership = Members::join(&self.members, joining).map_err(|refused| match refused {
            JoinRefused::NoSuchCore => {
                let text = format!("there is no core {core}: this balance has {}", self.members.count());
                io::Error::new(io::ErrorKind::InvalidInput, text)
            }
            JoinRefused::AlreadyJoined => {
                let text = format!("core {core} has a listener in this balance already");
                io::Error::new(io::ErrorKind::AlreadyExists, text)
            }
        })?;
        Ok(BalancedListener::new(listener, membership, Arc::clone(self.members.load(core).meter())))
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

impl BalanceBuilder {
    /// A balance of which no core has joined.
    pub fn build(self) -> Balance {
        Balance { members: Arc::new(Members::new(self.cores, self.rules)) }
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("rules", self.members.rules()).field("cores", &self.metrics()).finish()
    }
}

/// A listener's backlog as long as its arrivals are watched.
struct WatchedBacklog {
    arrivals: Option<ArrivalQueue>,
    backlog: tcp::Backlog,
}

impl Drop for WatchedBacklog {
    fn drop(&mut self) {
        if let Some(arrivals) = &self.arrivals {
            arrivals.forget(self.backlog.socket());
        }
    }
}

/// Marks the listener with the CPU that this thread is pinned to.
fn bind_to_cpu(core: usize, listener: &TcpListener) -> io::Result<usize> {
    let [cpu] = allowed_cpus()?[..] else {
        let text = format!("core {core} may run on several CPUs: BalancePolicy::IncomingCpu needs it pinned to one");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    };
    sys::set_incoming_cpu(listener.socket(), cpu)?;
    Ok(cpu)
}
