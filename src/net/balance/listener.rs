//! A core's listener in a balance.
//!
//! It has two sources, which take turns, and at times it looks after the other cores. Where a
//! connection goes is decided in `members`.
//!
//! Another core that is stuck cannot say so, and what waits for it makes no event here. So while
//! another core is awake this one looks again after a while, by a timer in its `accept`; while all
//! the others sleep there is no timer. A core that handed something over looks a few times more,
//! because the other one may get stuck on its way to it.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::guard::BacklogGuard;
use super::members::{Membership, Placed, Watch};
use super::policy::BalancePolicy;
use crate::clock;
use crate::net::load::Counted;
use crate::net::sys;
use crate::net::tcp::{Accepted, TcpListener, TcpStream};
use crate::reactor::Reactor;
use crate::reactor::meter::Meter;
use crate::sync::Arc;
use crate::time::{Sleep, sleep};

/// The shortest time between two looks after the others.
const SHORTEST: Duration = Duration::from_millis(1);
/// So many looks after cores that sleep while something waits for them; then they do not accept.
const DOUBTS: u32 = 16;

/// The listener of a core that takes part in a [`Balance`](super::Balance). Dropping it is leaving.
pub struct BalancedListener {
    listener: TcpListener,
    membership: Membership<Accepted>,
    _measured: Measured,
    /// Which of the two sources the next poll asks first.
    own_first: Cell<bool>,
    /// When it last looked after the others, as a number of the clock.
    looked: Cell<u64>,
    /// Of cores that come late. Out of its cell while one is polled.
    guards: Cell<Vec<BacklogGuard>>,
    /// Looks in a row that found nothing but something that waits for a core that sleeps.
    doubts: Cell<u32>,
}

/// The thread's reactor tells the meter as long as this lives.
struct Measured {
    reactor: Rc<Reactor>,
    meter: Arc<Meter>,
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.reactor.remove_meter(&self.meter);
    }
}

impl BalancedListener {
    pub(super) fn new(listener: TcpListener, membership: Membership<Accepted>, meter: Arc<Meter>) -> Self {
        let reactor = Rc::clone(listener.io().reactor());
        reactor.add_meter(&meter);
        let _measured = Measured { reactor, meter };
        let (looked, guards, doubts) = (Cell::new(clock::now()), Cell::default(), Cell::new(0));
        Self { listener, membership, _measured, own_first: Cell::new(true), looked, guards, doubts }
    }

    /// Takes the next connection that this core shall serve: one of its own listener, or one that
    /// another core has handed over.
    ///
    /// Connections of the own listener that another core shall serve are handed away meanwhile, and
    /// what waits for a core that is stuck is taken back. Both sources get their turn, however busy
    /// the other is. Several tasks of this core may accept. Handed connections have the options
    /// with which *their* listener was built.
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
        let mut next_look = None;
        let ((socket, peer), counted) = poll_fn(|cx| {
            let polled = self.poll_sources(handed.as_mut(), cx);
            if polled.is_pending() {
                self.look_after_others(&mut next_look, cx);
                self.poll_guards(cx);
            }
            polled
        })
        .await?;
        Ok((TcpStream::counted(self.listener.adopt(socket), counted), peer))
    }

    fn poll_sources<F>(&self, handed: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, Counted)>>
    where
        F: Future<Output = (Accepted, Counted)>,
    {
        // Asked anew at each poll, not at each connection: a poll may end with all it found handed
        // away.
        let own_first = self.own_first.replace(!self.own_first.get());
        if own_first {
            if let Poll::Ready(own) = self.poll_own(cx) {
                return Poll::Ready(own);
            }
        }
        if let Poll::Ready(handed) = handed.poll(cx) {
            return Poll::Ready(Ok(handed));
        }
        if own_first { Poll::Pending } else { self.poll_own(cx) }
    }

    /// Accepts until there is a connection that stays here. Each one is charged to the task's
    /// budget, those that are handed away too.
    fn poll_own(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, Counted)>> {
        loop {
            let accepted = ready!(self.listener.poll_accept_socket(cx))?;
            let now = clock::now();
            if let Some(period) = self.period() {
                // Connections that keep coming leave no poll that finds nothing.
                if now >= clock::after(self.looked.get(), period) {
                    self.look(now);
                }
            }
            let cpu = self.cpu_of(&accepted);
            match self.membership.place(accepted, cpu, now) {
                Placed::Here(accepted, counted) => return Poll::Ready(Ok((accepted, counted))),
                Placed::Away => self.doubts.set(0),
            }
        }
    }

    /// The CPU on which the system has received it, where that matters and is known.
    fn cpu_of(&self, (socket, _): &Accepted) -> Option<usize> {
        let matters = self.membership.members().rules().policy == BalancePolicy::IncomingCpu;
        matters.then(|| sys::incoming_cpu(socket).ok()).flatten()
    }

    /// The time between two looks after the others; `None` when nobody looks.
    fn period(&self) -> Option<Duration> {
        let rules = self.membership.members().rules();
        let looks = !rules.hand_nothing_on() && rules.stuck_after != Duration::MAX;
        looks.then(|| rules.stuck_after.max(SHORTEST))
    }

    fn look(&self, now: u64) -> Watch {
        self.looked.set(now);
        let mut guards = self.guards.take();
        guards.retain(|guard| self.membership.keeps_guarding(guard.core(), now));
        let watch = self.membership.watch(now, |core| {
            let arrivals = self.membership.arrivals_of(core);
            guards.extend(arrivals.map(|arrivals| BacklogGuard::new(core, arrivals, self.listener.io())));
        });
        self.guards.set(guards);
        watch
    }

    /// Accepts for those who come late. What of it comes here wakes the task.
    fn poll_guards(&self, cx: &mut Context<'_>) {
        let mut guards = self.guards.take();
        guards.retain(|guard| {
            let core = guard.core();
            loop {
                match guard.poll_take(cx, || self.membership.accept_for(core)) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(accepted)) => self.membership.pass_on(core, accepted, clock::now()),
                    // No memory to listen with: it is looked at now and then.
                    Poll::Ready(Err(_)) => {
                        self.membership.stop_guarding(core);
                        return false;
                    }
                }
            }
        });
        guards.append(&mut self.guards.take());
        self.guards.set(guards);
    }

    /// Nothing is here. What waits for a core that is stuck is taken back; what of it comes here
    /// wakes the task.
    fn look_after_others(&self, next: &mut Option<Sleep>, cx: &mut Context<'_>) {
        let Some(period) = self.period() else { return };
        loop {
            let goes_on = match self.look(clock::now()) {
                Watch::Needed => {
                    self.doubts.set(0);
                    true
                }
                Watch::Doubtful => self.doubts.get() < DOUBTS,
                Watch::Needless => false,
            };
            if !goes_on {
                *next = None;
                return;
            }
            if Pin::new(next.get_or_insert_with(|| sleep(period))).poll(cx).is_pending() {
                return;
            }
            self.doubts.set(self.doubts.get() + 1);
            *next = None;
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
        let rules = self.membership.members().rules();
        f.debug_struct("BalancedListener").field("listener", &self.listener).field("rules", rules).finish_non_exhaustive()
    }
}
