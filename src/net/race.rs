//! Several addresses of one host (RFC 8305, "Happy Eyeballs"): which attempt begins when. An
//! address that does not answer does not keep the next one from its attempt.
//!
//! The addresses come from the resolver, which has sorted them by what the system prefers (RFC
//! 6724). They are [interleaved](interleave), so that a host whose one family is unreachable costs
//! one attempt and not all of them (section 4). The first is tried at once, the next when that one
//! has failed or after the *Connection Attempt Delay*, whichever is sooner, and so on (section 5).
//! The first that succeeds is taken; the others are dropped, which closes their sockets.
//!
//! What is left out: asking for both families separately and starting with whichever answer comes
//! first (section 3), since the system's resolver gives both in one answer.
//!
//! Attempts and pauses are futures that the caller makes, so the schedule can be tested without
//! sockets and clocks.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::addr::MOST_LISTED;

/// Connection Attempt Delay: section 5 recommends 250 ms, long enough for most handshakes and short
/// enough not to be noticed.
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// Turns the two families' addresses into alternating ones, beginning with the first one's family;
/// keeps the order within each.
pub(super) fn interleave(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first().map(SocketAddr::is_ipv6) else { return addrs };
    let count = addrs.len();
    let (same, other): (Vec<_>, Vec<_>) = addrs.into_iter().partition(|addr| addr.is_ipv6() == first);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    (0..count).flat_map(|_| [same.next(), other.next()]).flatten().collect()
}

/// Why an address was not the one.
pub(super) type FailedAttempt = (SocketAddr, io::Error);

/// The first success of the attempts, or why each has failed, in the order of the failures.
pub(super) async fn race<T, A, P>(
    addrs: &[SocketAddr],
    attempt: impl FnMut(SocketAddr) -> A,
    pause: impl FnMut() -> P,
) -> Result<T, Vec<FailedAttempt>>
where
    A: Future<Output = io::Result<T>>,
    P: Future<Output = ()>,
{
    let mut race = Race { waiting: addrs, running: Vec::new(), failures: Vec::new(), pause: None };
    let (mut attempt, mut pause) = (attempt, pause);
    poll_fn(|cx| race.poll(cx, &mut attempt, &mut pause)).await
}

struct Race<'a, A, P> {
    /// Those that were not tried yet.
    waiting: &'a [SocketAddr],
    /// In the order in which they were begun.
    running: Vec<(SocketAddr, Pin<Box<A>>)>,
    failures: Vec<FailedAttempt>,
    /// Until the next attempt, while there is one.
    pause: Option<Pin<Box<P>>>,
}

impl<T, A, P> Race<'_, A, P>
where
    A: Future<Output = io::Result<T>>,
    P: Future<Output = ()>,
{
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        attempt: &mut impl FnMut(SocketAddr) -> A,
        pause: &mut impl FnMut() -> P,
    ) -> Poll<Result<T, Vec<FailedAttempt>>> {
        loop {
            let failures = self.failures.len();
            if let Some(winner) = self.poll_running(cx) {
                return Poll::Ready(Ok(winner));
            }
            let failed = self.failures.len() > failures || self.running.is_empty();
            let Some((&next, rest)) = self.waiting.split_first() else {
                self.pause = None;
                return if self.running.is_empty() {
                    Poll::Ready(Err(std::mem::take(&mut self.failures)))
                } else {
                    Poll::Pending
                };
            };
            if !failed && !self.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(cx).is_ready()) {
                return Poll::Pending;
            }
            self.waiting = rest;
            self.running.push((next, Box::pin(attempt(next))));
            self.pause = if rest.is_empty() { None } else { Some(Box::pin(pause())) };
        }
    }

    /// Polls every attempt; those that failed are dropped, and their failures noted.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut index = 0;
        while let Some((addr, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(winner)) => return Some(winner),
                Poll::Ready(Err(error)) => {
                    self.failures.push((*addr, error));
                    drop(self.running.remove(index));
                }
                Poll::Pending => index += 1,
            }
        }
        None
    }
}

/// One error for all of them: of the kind of the last, with what each said.
pub(super) fn all_failed(what: &str, failures: Vec<FailedAttempt>) -> io::Error {
    let kind = failures.last().map_or(io::ErrorKind::InvalidInput, |(_, error)| error.kind());
    let mut reasons: Vec<_> = failures.iter().take(MOST_LISTED).map(|(addr, error)| format!("{addr}: {error}")).collect();
    if failures.len() > MOST_LISTED {
        reasons.push(format!("and {} more", failures.len() - MOST_LISTED));
    }
    io::Error::new(kind, format!("cannot {what}: {}", reasons.join("; ")))
}

#[cfg(test)]
mod tests;
