//! The schedule alone: attempts and pauses are the test's, and end when it says so. An address is
//! called by its port.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;

use super::*;

/// What happened, and what is to happen.
#[derive(Default)]
struct Scene {
    trace: Vec<String>,
    outcomes: BTreeMap<u16, Result<(), io::ErrorKind>>,
    /// The pause is over.
    due: bool,
}

#[derive(Clone, Default)]
struct Attempts(Rc<RefCell<Scene>>);

struct Closes(Attempts, u16);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.note(format!("close {}", self.1));
    }
}

impl Attempts {
    fn note(&self, event: String) {
        self.0.borrow_mut().trace.push(event);
    }

    #[track_caller]
    fn assert_trace(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.0.borrow_mut().trace), expected);
    }

    fn end(&self, port: u16, outcome: Result<(), io::ErrorKind>) {
        self.0.borrow_mut().outcomes.insert(port, outcome);
    }

    fn pause_is_over(&self) {
        self.0.borrow_mut().due = true;
    }

    fn attempt(&self, addr: SocketAddr) -> impl Future<Output = io::Result<u16>> + use<> {
        let (attempts, port) = (self.clone(), addr.port());
        self.note(format!("try {port}"));
        async move {
            let _closes = Closes(attempts.clone(), port);
            poll_fn(|_| match attempts.0.borrow().outcomes.get(&port) {
                None => Poll::Pending,
                Some(Ok(())) => Poll::Ready(Ok(port)),
                Some(Err(kind)) => Poll::Ready(Err((*kind).into())),
            })
            .await
        }
    }

    fn pause(&self) -> impl Future<Output = ()> + use<> {
        let attempts = self.clone();
        self.note("pause".into());
        poll_fn(move |_| if std::mem::take(&mut attempts.0.borrow_mut().due) { Poll::Ready(()) } else { Poll::Pending })
    }
}

fn addrs(ports: &[u16]) -> Vec<SocketAddr> {
    ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect()
}

/// Polls the race as often as the steps say; in between the steps happen.
fn run(ports: &[u16], attempts: &Attempts, steps: impl FnOnce(&mut dyn FnMut() -> Poll<Result<u16, Vec<u16>>>)) {
    let addrs = addrs(ports);
    let mut race = pin!(race(&addrs, |addr| attempts.attempt(addr), || attempts.pause()));
    steps(&mut || {
        let polled = race.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        polled.map_err(|failures| failures.iter().map(|(addr, _)| addr.port()).collect())
    });
}

const REFUSED: Result<(), io::ErrorKind> = Err(io::ErrorKind::ConnectionRefused);

#[test]
fn the_first_that_succeeds_at_once_is_the_only_one_tried() {
    let attempts = Attempts::default();
    run(&[1, 2], &attempts, |poll| {
        attempts.end(1, Ok(()));
        assert_eq!(poll(), Poll::Ready(Ok(1)));
        attempts.assert_trace(&["try 1", "pause", "close 1"]);
    });
}

#[test]
fn the_next_is_tried_beside_the_first_when_the_pause_is_over_and_not_before() {
    let attempts = Attempts::default();
    run(&[1, 2, 3], &attempts, |poll| {
        assert!(poll().is_pending() && poll().is_pending());
        attempts.assert_trace(&["try 1", "pause"]);
        attempts.pause_is_over();
        assert!(poll().is_pending() && poll().is_pending());
        attempts.assert_trace(&["try 2", "pause"]);
        attempts.end(2, Ok(()));
        assert_eq!(poll(), Poll::Ready(Ok(2)));
        // The loser's socket is closed before anybody hears of the winner.
        attempts.assert_trace(&["close 2", "close 1"]);
    });
}

#[test]
fn the_earlier_one_may_still_win() {
    let attempts = Attempts::default();
    run(&[1, 2], &attempts, |poll| {
        assert!(poll().is_pending());
        attempts.pause_is_over();
        assert!(poll().is_pending());
        attempts.end(1, Ok(()));
        attempts.end(2, Ok(()));
        assert_eq!(poll(), Poll::Ready(Ok(1)));
        attempts.assert_trace(&["try 1", "pause", "try 2", "close 1", "close 2"]);
    });
}

#[test]
fn a_failure_starts_the_next_at_once_and_the_pause_anew() {
    let attempts = Attempts::default();
    run(&[1, 2, 3, 4], &attempts, |poll| {
        attempts.end(1, REFUSED);
        assert!(poll().is_pending());
        attempts.assert_trace(&["try 1", "pause", "close 1", "try 2", "pause"]);
        attempts.pause_is_over();
        assert!(poll().is_pending());
        attempts.assert_trace(&["try 3", "pause"]);
        // Also a failure of an earlier one while a later one is under way.
        attempts.end(2, REFUSED);
        assert!(poll().is_pending());
        attempts.assert_trace(&["close 2", "try 4"]);
        attempts.end(4, REFUSED);
        assert!(poll().is_pending());
        attempts.end(3, Ok(()));
        assert_eq!(poll(), Poll::Ready(Ok(3)));
    });
}

#[test]
fn when_all_have_failed_each_says_why_in_the_order_of_the_failures() {
    let attempts = Attempts::default();
    run(&[1, 2, 3], &attempts, |poll| {
        assert!(poll().is_pending());
        attempts.pause_is_over();
        assert!(poll().is_pending());
        attempts.end(2, REFUSED);
        attempts.end(3, REFUSED);
        assert!(poll().is_pending());
        attempts.end(1, REFUSED);
        assert_eq!(poll(), Poll::Ready(Err(vec![2, 3, 1])));
    });
}

#[test]
fn no_address_is_no_failure_and_no_success() {
    let attempts = Attempts::default();
    run(&[], &attempts, |poll| assert_eq!(poll(), Poll::Ready(Err(vec![]))));
    attempts.assert_trace(&[]);
}

#[test]
fn a_race_that_is_given_up_closes_all_that_it_has_opened() {
    let attempts = Attempts::default();
    run(&[1, 2], &attempts, |poll| {
        assert!(poll().is_pending());
        attempts.pause_is_over();
        assert!(poll().is_pending());
    });
    attempts.assert_trace(&["try 1", "pause", "try 2", "close 1", "close 2"]);
}

#[test]
fn the_last_address_needs_no_timer() {
    let attempts = Attempts::default();
    let addrs = addrs(&[1]);
    let timer = || -> Pending<()> { panic!("a timer for nothing") };
    let mut race = pin!(race(&addrs, |addr| attempts.attempt(addr), timer));
    assert!(race.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn families_take_turns_and_keep_their_order() {
    let of = |text: &str| -> Vec<SocketAddr> {
        let v6 = |port| SocketAddr::from(([0; 8], port));
        let v4 = |port| SocketAddr::from(([0; 4], port));
        let addr = |word: &str| match word.strip_prefix('s') {
            Some(port) => v6(port.parse().unwrap()),
            None => v4(word.parse().unwrap()),
        };
        text.split_whitespace().map(addr).collect()
    };
    for (given, wanted) in [
        ("s1 s2 s3 4 5", "s1 4 s2 5 s3"),
        ("1 2 s3", "1 s3 2"),
        ("1 s2 s3 s4", "1 s2 s3 s4"),
        ("1 2", "1 2"),
        ("s1", "s1"),
        ("", ""),
    ] {
        assert_eq!(interleave(of(given)), of(wanted), "{given}");
    }
}

#[test]
fn the_error_names_what_was_wanted_and_each_address_with_its_reason() {
    let failures = addrs(&[1, 2]).into_iter().zip([io::ErrorKind::NetworkUnreachable, io::ErrorKind::ConnectionRefused]);
    let error = all_failed("connect to `host` port 1", failures.map(|(addr, kind)| (addr, kind.into())).collect());
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(
        error.to_string(),
        "cannot connect to `host` port 1: 127.0.0.1:1: network unreachable; 127.0.0.1:2: connection refused"
    );
}
