//! Sharing out connections between cores: all clients come to one core, and every core ends with as
//! many as the others.
//!
//! Where the order matters the cores are listeners of one thread, polled one after the other; where
//! threads matter, no test waits for time to pass: clients talk to the core that serves them, and
//! counts are asked when that has been seen.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{self, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_lite::AsyncReadExt;
use futures_lite::future::{or, poll_once};
use wakeline::net::{Balance, BalancePolicy, BalancedListener, TcpListener, TcpStream};
use wakeline::time::{sleep, timeout};
use wakeline::{spawn, yield_now};

use crate::support::{Counter, Key, Parked, Random, must_end, parked, rounds, wait_until};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn run<F: Future>(future: F) -> F::Output {
    wakeline::block_on(async { timeout(Duration::from_secs(30), future).await.expect("the test hangs") })
}

async fn join(balance: &Balance, core: usize) -> BalancedListener {
    balance.join(core, TcpListener::bind(LOCAL).await.unwrap()).unwrap()
}

/// For cores of several threads where exact numbers are asked for: how busy they are, and whether
/// they answer in time, is the machine's business.
fn by_number(cores: usize) -> Balance {
    Balance::builder(cores).policy(BalancePolicy::Connections).stuck_after(Duration::MAX).build()
}

/// A blocking client of a core. Connecting on loopback is synchronous: the connection is in the
/// backlog.
fn client(listener: &BalancedListener) -> net::TcpStream {
    net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

/// A connection, if there is one at once.
async fn accepted(listener: &BalancedListener) -> Option<TcpStream> {
    poll_once(listener.accept()).await.map(|accepted| accepted.unwrap().0)
}

/// Everything that comes out of the listener without waiting. Twice empty, because a poll may be
/// spent on what is handed away.
async fn all_accepted(listener: &BalancedListener) -> Vec<TcpStream> {
    let (mut streams, mut empty) = (Vec::new(), 0);
    while empty < 2 {
        match accepted(listener).await {
            Some(stream) => streams.push(stream),
            None => {
                empty += 1;
                // The poll may have ended for want of budget, or before the reactor has been asked.
                yield_now().await;
            }
        }
    }
    streams
}

fn live(balance: &Balance) -> Vec<usize> {
    balance.metrics().iter().map(|core| core.live).collect()
}

/// What was accepted, handed away and taken over, by each core.
fn ways(balance: &Balance) -> Vec<(usize, usize, usize)> {
    balance.metrics().iter().map(|core| (core.accepted, core.handed_away, core.taken_over)).collect()
}

#[test]
fn connections_of_one_listener_are_shared_out_between_all_cores() {
    run(async {
        let balance = Balance::new(3);
        let cores = [join(&balance, 0).await, join(&balance, 1).await, join(&balance, 2).await];
        let clients: Vec<_> = (0..10).map(|_| client(&cores[0])).collect();
        let mut streams = Vec::new();
        for core in &cores {
            streams.push(all_accepted(core).await);
        }
        assert_eq!(streams.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3, 3]);
        assert_eq!(live(&balance), [4, 3, 3]);
        assert_eq!(ways(&balance), [(10, 6, 0), (0, 0, 3), (0, 0, 3)]);
        // Each client is served once.
        let mut served: Vec<_> = streams.iter().flatten().map(|stream| stream.peer_addr().unwrap()).collect();
        let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        served.sort();
        expected.sort();
        assert_eq!(served, expected);
    });
}

#[test]
fn the_peers_address_comes_with_a_handed_connection_and_so_do_its_options() {
    run(async {
        let balance = Balance::new(2);
        let listener = TcpListener::builder().nodelay(true).bind(LOCAL).await.unwrap();
        let (first, second) = (balance.join(0, listener).unwrap(), join(&balance, 1).await);
        let _kept = (client(&first), first.accept().await.unwrap());
        let client = client(&first);
        let (mut stream, peer) = or(first.accept(), second.accept()).await.unwrap();
        assert_eq!(balance.metrics()[1].taken_over, 1);
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), peer);
        assert!(stream.nodelay().unwrap());
        // It waits like any other: were it blocking, the thread would hang here.
        let mut byte = [0];
        assert!(poll_once(stream.read(&mut byte)).await.is_none());
        (&client).write_all(b"x").unwrap();
        assert_eq!((stream.read(&mut byte).await.unwrap(), byte), (1, *b"x"));
    });
}

#[test]
fn a_core_that_has_not_joined_or_has_left_is_given_nothing() {
    run(async {
        let balance = Balance::new(3);
        let first = join(&balance, 0).await;
        let second = join(&balance, 1).await;
        assert_eq!(balance.metrics().iter().map(|core| core.joined).collect::<Vec<_>>(), [true, true, false]);
        drop(second);
        assert!(!balance.metrics()[1].joined);
        let _clients: Vec<_> = (0..5).map(|_| client(&first)).collect();
        let streams = all_accepted(&first).await;
        assert_eq!((streams.len(), live(&balance)), (5, vec![5, 0, 0]));
        assert_eq!(ways(&balance)[0], (5, 0, 0));
    });
}

#[test]
fn what_was_handed_to_a_core_that_leaves_is_handed_on() {
    run(async {
        let balance = Balance::new(3);
        let cores = [join(&balance, 0).await, join(&balance, 1).await, join(&balance, 2).await];
        let mut clients: Vec<_> = (0..9).map(|_| client(&cores[0])).collect();
        let [first, second, third] = cores;
        let mut streams = all_accepted(&first).await;
        assert_eq!(live(&balance), [3, 3, 3]);
        // Two cores leave with three connections each that they have not looked at.
        drop(second);
        assert_eq!(live(&balance).iter().sum::<usize>(), 9, "no connection is lost: {:?}", balance.metrics());
        assert_eq!(live(&balance)[1], 0);
        assert!(live(&balance)[0].abs_diff(live(&balance)[2]) <= 1);
        drop(third);
        assert_eq!(live(&balance), [9, 0, 0]);
        streams.extend(all_accepted(&first).await);
        assert_eq!(streams.len(), 9);
        for (stream, client) in pairs(&mut streams, &mut clients) {
            client.write_all(b"still here").unwrap();
            let mut text = [0; 10];
            stream.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"still here");
        }
    });
}

/// Each stream with its client.
fn pairs<'a>(
    streams: &'a mut [TcpStream],
    clients: &'a mut [net::TcpStream],
) -> impl Iterator<Item = (&'a mut TcpStream, &'a mut net::TcpStream)> {
    streams.sort_by_key(|stream| stream.peer_addr().unwrap());
    clients.sort_by_key(|client| client.local_addr().unwrap());
    streams.iter_mut().zip(clients)
}

#[test]
fn what_was_handed_over_is_closed_when_the_last_core_leaves() {
    run(async {
        let balance = Balance::new(2);
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        let mut clients = [client(&first), client(&first)];
        let kept = all_accepted(&first).await;
        assert_eq!((kept.len(), live(&balance)), (1, vec![1, 1]));
        drop(first.leave());
        drop(second);
        assert_eq!(live(&balance), [1, 0], "a connection that is served stays");
        let served = kept[0].peer_addr().unwrap();
        let dropped = clients.iter_mut().find(|client| client.local_addr().unwrap() != served).unwrap();
        dropped.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(dropped.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn a_listener_that_leaves_keeps_its_backlog() {
    run(async {
        let balance = Balance::new(1);
        let listener = join(&balance, 0).await;
        let client = client(&listener);
        let listener = listener.leave();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(balance.metrics()[0], wakeline::net::BalanceMetrics::default(), "it is nobody's business any more");
    });
}

#[test]
fn a_connection_counts_until_its_last_half_is_dropped_or_it_is_given_up() {
    run(async {
        let balance = Balance::new(1);
        let listener = join(&balance, 0).await;
        let _clients: Vec<_> = (0..4).map(|_| client(&listener)).collect();
        let mut streams = all_accepted(&listener).await;
        assert_eq!(live(&balance), [4]);
        drop(streams.pop());
        assert_eq!(live(&balance), [3]);
        let std = streams.pop().unwrap().into_std();
        assert_eq!(live(&balance), [2]);
        drop(TcpStream::from_std(std).unwrap());
        assert_eq!(live(&balance), [2]);
        let (read, write) = streams.pop().unwrap().into_split();
        drop(write);
        assert_eq!(live(&balance), [2]);
        drop(read);
        assert_eq!(live(&balance), [1]);
        let (read, write) = streams.pop().unwrap().into_split();
        drop(read.reunite(write).unwrap());
        assert_eq!(live(&balance), [0]);
        assert_eq!(balance.metrics()[0].accepted, 4);
    });
}

#[test]
fn connections_that_end_make_room_for_new_ones() {
    run(async {
        let balance = Balance::new(2);
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        let _clients: Vec<_> = (0..8).map(|_| client(&first)).collect();
        let (mut here, mut there) = (all_accepted(&first).await, all_accepted(&second).await);
        assert_eq!(live(&balance), [4, 4]);
        here.clear();
        // The next ones stay until both have as many.
        let _more: Vec<_> = (0..6).map(|_| client(&first)).collect();
        here.extend(all_accepted(&first).await);
        there.extend(all_accepted(&second).await);
        assert_eq!((here.len(), there.len()), (5, 5));
        assert_eq!(live(&balance), [5, 5]);
    });
}

#[test]
fn slack_leaves_small_differences_alone() {
    run(async {
        let balance = Balance::builder(2).slack(3).build();
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        let _clients: Vec<_> = (0..20).map(|_| client(&first)).collect();
        let (here, there) = (all_accepted(&first).await.len(), all_accepted(&second).await.len());
        assert_eq!(here + there, 20);
        let average = 10;
        assert!((average + 3..=average + 4).contains(&here), "{here}");
    });
}

#[test]
fn a_core_that_a_balance_does_not_have_or_has_already_is_refused() {
    run(async {
        let listener = async || TcpListener::bind(LOCAL).await.unwrap();
        for (cores, core) in [(0, 0), (2, 2), (2, usize::MAX)] {
            let error = Balance::new(cores).join(core, listener().await).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("there is no core {core}: this balance has {cores}"));
        }
        let balance = Balance::new(2);
        let first = join(&balance, 1).await;
        let error = balance.clone().join(1, listener().await).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(error.to_string(), "core 1 has a listener in this balance already");
        // The attempt has not unseated the first, and when that leaves the next may come.
        assert!(balance.metrics()[1].joined);
        drop(first);
        let _again = join(&balance, 1).await;
        assert!(format!("{balance:?} {_again:?}").contains("joined: true"));
    });
}

// RQ11, RQ12: neither source may keep the other waiting.
#[test]
fn own_and_handed_connections_take_turns() {
    run(async {
        // The second core has so many fewer than the first that it hands nothing away.
        let balance = Balance::builder(2).slack(10).build();
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        let own: Vec<_> = (0..10).map(|_| client(&second)).collect();
        let others: Vec<_> = (0..40).map(|_| client(&first)).collect();
        let _kept = all_accepted(&first).await;
        assert_eq!(live(&balance), [30, 10]);
        // Told by the listener: clients of two listeners may have the same port.
        let ours = second.local_addr().unwrap();
        let mut is_own = Vec::new();
        let mut streams = Vec::new();
        for _ in 0..20 {
            let (stream, _) = second.accept().await.unwrap();
            is_own.push(stream.local_addr().unwrap() == ours);
            streams.push(stream);
        }
        assert!(is_own.windows(3).all(|three| three.contains(&true) && three.contains(&false)), "{is_own:?}");
        drop((own, others));
    });
}

#[test]
fn a_core_that_hands_everything_away_still_lets_its_other_tasks_run() {
    run(async {
        let balance = Balance::new(2);
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        // The first core is above the average for good.
        let heavy: Vec<_> = (0..200).map(|_| client(&first)).collect();
        let _kept = all_accepted(&first).await;
        let there = all_accepted(&second).await;
        drop(there);
        let clients: Vec<_> = (0..90).map(|_| client(&first)).collect();
        let ran = Rc::new(Cell::new(false));
        let setter = ran.clone();
        let task = spawn(async move { setter.set(true) });
        assert!(poll_once(first.accept()).await.is_none());
        task.await.unwrap();
        assert!(ran.get());
        while balance.metrics()[0].accepted < 290 {
            assert!(poll_once(first.accept()).await.is_none());
            yield_now().await;
        }
        assert_eq!(all_accepted(&second).await.len(), 90);
        drop((heavy, clients));
    });
}

// JC15, CH3: an accept that is dropped after it was woken passes on what it was woken for.
#[test]
fn an_accept_that_is_dropped_loses_no_handed_connection() {
    run(async {
        let balance = Balance::new(2);
        let (first, second) = (join(&balance, 0).await, join(&balance, 1).await);
        let (waker, wakes) = Counter::new();
        let mut cx = Context::from_waker(&waker);
        let (other_waker, other_wakes) = Counter::new();
        {
            let mut waiting = Box::pin(second.accept());
            let mut other = pin!(second.accept());
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            assert!(other.as_mut().poll(&mut Context::from_waker(&other_waker)).is_pending());
            let _clients = [client(&first), client(&first)];
            let _kept = all_accepted(&first).await;
            assert!(wakes.count() > 0, "the first to wait is called");
            drop(waiting);
            wait_until(|| other_wakes.count() > 0);
            assert!(matches!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_))));
        }
        assert_eq!(balance.metrics()[1].taken_over, 1);
    });
}

#[test]
fn several_tasks_of_a_core_may_accept() {
    run(async {
        let balance = Balance::new(2);
        let (first, second) = (join(&balance, 0).await, Rc::new(join(&balance, 1).await));
        let streams = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (second, streams) = (second.clone(), streams.clone());
                spawn(async move {
                    let stream = second.accept().await.unwrap().0;
                    streams.borrow_mut().push(stream);
                })
            })
            .collect();
        yield_now().await;
        let _clients: Vec<_> = (0..8).map(|_| client(&first)).collect();
        let _kept = all_accepted(&first).await;
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((live(&balance), streams.borrow().len()), (vec![4, 4], 4));
    });
}

// -- threads
// -------------------------------------------------------------------------------------------------

/// A core in a thread of its own, which sends back what it is sent, until its key is opened.
struct Echo {
    addr: SocketAddr,
    stop: Key,
    thread: JoinHandle<()>,
}

impl Echo {
    fn start(balance: &Balance, core: usize) -> Self {
        let (stopped, stop) = parked();
        let (tell, told) = mpsc::channel();
        let balance = balance.clone();
        let thread = thread::spawn(move || {
            wakeline::block_on(async {
                let listener = join(&balance, core).await;
                tell.send(listener.local_addr().unwrap()).unwrap();
                or(serve(listener), stopped_by(stopped)).await;
            });
        });
        Self { addr: told.recv().unwrap(), stop, thread }
    }

    fn stop(self) {
        self.stop.open_and_wake();
        self.thread.join().unwrap();
    }
}

async fn stopped_by(stopped: Parked) {
    stopped.await;
}

async fn serve(listener: BalancedListener) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), peer);
        spawn(async move {
            let _ = futures_lite::io::copy(&stream, &stream).await;
        })
        .detach();
    }
}

/// Sends bytes that tell clients apart, and reads them back.
fn talk(client: &mut net::TcpStream, seed: usize) {
    let sent: Vec<u8> = (0..3000).map(|place| ((place * 7 + seed) % 251) as u8).collect();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.write_all(&sent).unwrap();
    let mut received = vec![0; sent.len()];
    client.read_exact(&mut received).unwrap();
    assert!(received == sent, "client {seed} got other bytes back");
}

#[test]
fn executors_of_several_threads_share_the_connections_of_one() {
    must_end(|| {
        let balance = by_number(3);
        let cores: Vec<_> = (0..3).map(|core| Echo::start(&balance, core)).collect();
        let mut clients: Vec<_> = (0..60).map(|_| net::TcpStream::connect(cores[0].addr).unwrap()).collect();
        for (seed, client) in clients.iter_mut().enumerate() {
            talk(client, seed);
        }
        assert_eq!(live(&balance), [20, 20, 20]);
        assert_eq!(ways(&balance), [(60, 40, 0), (0, 0, 20), (0, 0, 20)]);
        drop(clients);
        wait_until(|| live(&balance) == [0, 0, 0]);
        cores.into_iter().for_each(Echo::stop);
    });
}

// Any core of another thread that is awake is stuck here, so no time has to pass. In the thread
// that is, one core has a connection in its queue that the other one has handed to it, and that one
// has another in its backlog.
#[test]
fn what_waits_for_a_core_that_is_stuck_is_served_by_another() {
    for policy in [BalancePolicy::Busy, BalancePolicy::Connections] {
        must_end(move || {
            let balance = Balance::builder(3).policy(policy).stuck_after(Duration::ZERO).build();
            let theirs = balance.clone();
            let ((tell, told), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
            let stuck = thread::spawn(move || {
                run(async {
                    let (second, third) = (join(&theirs, 1).await, join(&theirs, 2).await);
                    let mut clients = vec![client(&second), client(&second)];
                    let kept = all_accepted(&second).await;
                    assert_eq!((kept.len(), live(&theirs)), (1, vec![0, 1, 1]));
                    clients.push(client(&second));
                    let served = kept[0].peer_addr().unwrap();
                    let peers = clients.iter().map(|client| client.local_addr().unwrap());
                    tell.send(peers.filter(|peer| *peer != served).collect::<Vec<_>>()).unwrap();
                    // The poll that does not end.
                    goes_on.recv().unwrap();
                    assert!(accepted(&second).await.is_none() && accepted(&third).await.is_none());
                    // The first core has gone, and this one serves again.
                    let _more = client(&second);
                    or(second.accept(), third.accept()).await.unwrap();
                });
            });
            let mut expected: Vec<SocketAddr> = told.recv().unwrap();
            run(async {
                let first = join(&balance, 0).await;
                let own: Vec<_> = (0..5).map(|_| client(&first)).collect();
                expected.extend(own.iter().map(|client| client.local_addr().unwrap()));
                let mut streams = Vec::new();
                while streams.len() < 7 {
                    streams.push(first.accept().await.unwrap().0);
                }
                let mut served: Vec<_> = streams.iter().map(|stream| stream.peer_addr().unwrap()).collect();
                expected.sort();
                served.sort();
                assert_eq!(served, expected);
                assert_eq!(live(&balance), [7, 1, 0]);
                assert_eq!(ways(&balance), [(5, 0, 2), (3, 2, 0), (0, 0, 0)]);
            });
            go_on.send(()).unwrap();
            stuck.join().unwrap();
        });
    }
}

// While nobody else is awake there is no timer; with one that is, there is one, and it is the look
// that finds what came to the backlog meanwhile.
#[test]
fn a_core_looks_again_as_long_as_another_one_is_awake() {
    must_end(|| {
        let balance = Balance::builder(2).stuck_after(Duration::ZERO).build();
        let theirs = balance.clone();
        let ((tell, told), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let stuck = thread::spawn(move || {
            run(async {
                let second = join(&theirs, 1).await;
                tell.send(second.local_addr().unwrap()).unwrap();
                goes_on.recv().unwrap();
            });
        });
        let addr = told.recv().unwrap();
        run(async {
            let first = join(&balance, 0).await;
            let mut accept = pin!(first.accept());
            assert!(poll_once(accept.as_mut()).await.is_none());
            let client = net::TcpStream::connect(addr).unwrap();
            assert_eq!(accept.await.unwrap().1, client.local_addr().unwrap());
        });
        go_on.send(()).unwrap();
        stuck.join().unwrap();
    });
}

// Busy, and not stuck for another hour. The first connection is found by looks, the second one by
// what the kernel says of the busy core's listener: there is no timer before that hour is over.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_core_hears_of_what_comes_to_a_busy_one_until_that_leaves() {
    must_end(|| {
        let balance = Balance::builder(2).stuck_after(Duration::from_secs(3600)).build();
        let theirs = balance.clone();
        let ((tell, told), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let busy = thread::spawn(move || {
            run(async {
                let second = join(&theirs, 1).await;
                tell.send(second.local_addr().unwrap()).unwrap();
                goes_on.recv().unwrap();
            });
        });
        let addr = told.recv().unwrap();
        run(async {
            let first = join(&balance, 0).await;
            let early = net::TcpStream::connect(addr).unwrap();
            let stream = loop {
                match accepted(&first).await {
                    Some(stream) => break stream,
                    // It has to be idle to be of help.
                    None => sleep(Duration::from_millis(2)).await,
                }
            };
            assert_eq!(stream.peer_addr().unwrap(), early.local_addr().unwrap());
            let mut accept = pin!(first.accept());
            assert!(poll_once(accept.as_mut()).await.is_none());
            let late = net::TcpStream::connect(addr).unwrap();
            assert_eq!(accept.await.unwrap().1, late.local_addr().unwrap());
            assert_eq!(ways(&balance), [(0, 0, 2), (2, 2, 0)]);
            // Nobody else keeps the port open.
            go_on.send(()).unwrap();
            busy.join().unwrap();
            drop(net::TcpListener::bind(addr).unwrap());
        });
    });
}

#[cfg(not(target_os = "linux"))]
#[test]
fn the_policy_of_the_incoming_cpu_is_refused_where_there_is_no_such_thing() {
    run(async {
        let balance = Balance::builder(1).policy(BalancePolicy::IncomingCpu).build();
        let error = balance.join(0, TcpListener::bind(LOCAL).await.unwrap()).unwrap_err();
        // Which of the two it lacks is the platform's business.
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    });
}

#[cfg(target_os = "linux")]
mod incoming_cpu {
    use rustix::net::sockopt::socket_incoming_cpu;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    fn pin_to(cpu: usize) {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None, &set).unwrap();
    }

    fn cpus() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
    }

    #[test]
    fn a_core_that_is_pinned_to_no_cpu_is_refused() {
        run(async {
            let balance = Balance::builder(1).policy(BalancePolicy::IncomingCpu).build();
            let joined = balance.join(0, TcpListener::bind(LOCAL).await.unwrap());
            if cpus().len() > 1 {
                let error = joined.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().contains("pinned"), "{error}");
            }
        });
    }

    /// A core on a CPU. It serves so many connections and says of each which CPU received it.
    fn core(balance: &Balance, core: usize, cpu: usize, tell: mpsc::Sender<(usize, usize)>) -> (SocketAddr, Key, JoinHandle<()>) {
        let balance = balance.clone();
        let (stopped, stop) = parked();
        let (listens, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            pin_to(cpu);
            run(async {
                let listener = join(&balance, core).await;
                listens.send(listener.local_addr().unwrap()).unwrap();
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tell.send((cpu, socket_incoming_cpu(&stream).unwrap() as usize)).unwrap();
                    }
                };
                or(serve, stopped_by(stopped)).await;
            });
        });
        (address.recv().unwrap(), stop, thread)
    }

    #[test]
    fn a_connection_is_served_on_the_cpu_that_received_it() {
        must_end(|| {
            let cpus = cpus();
            let both = [cpus[0], *cpus.last().unwrap()];
            let balance = Balance::builder(2).policy(BalancePolicy::IncomingCpu).stuck_after(Duration::MAX).build();
            let (tell, told) = mpsc::channel();
            let cores = [0, 1].map(|number| core(&balance, number, both[number], tell.clone()));
            drop(tell);
            // All of them come to the first core.
            let addr = cores[0].0;
            let clients = both.map(|cpu| {
                thread::spawn(move || {
                    pin_to(cpu);
                    (0..20).map(|_| net::TcpStream::connect(addr).unwrap()).collect::<Vec<_>>()
                })
            });
            let clients = clients.map(|client| client.join().unwrap());
            let served: Vec<_> = told.iter().take(40).collect();
            // What was received on a third CPU may be served anywhere.
            assert!(served.iter().all(|(here, received)| here == received || !both.contains(received)), "{served:?}");
            for (_, stop, thread) in cores {
                stop.open_and_wake();
                thread.join().unwrap();
            }
            drop(clients);
        });
    }
}

#[test]
fn cores_that_come_and_go_lose_no_connection() {
    must_end(|| {
        let balance = Balance::new(4);
        let steady = Echo::start(&balance, 0);
        let mut others: Vec<Option<Echo>> = vec![None, None, None];
        let (addr, connected) = (steady.addr, rounds(300));
        let clients = thread::spawn(move || {
            // Some stay open, so that there is something to share out.
            let mut open = VecDeque::new();
            for seed in 0..connected {
                open.push_back(served(addr, seed));
                if open.len() > 12 {
                    open.pop_front();
                }
            }
        });
        let mut random = Random::new(9);
        while !clients.is_finished() {
            let core = random.below(3);
            match others[core].take() {
                Some(echo) => echo.stop(),
                None => others[core] = Some(Echo::start(&balance, core + 1)),
            }
        }
        clients.join().unwrap();
        others.into_iter().flatten().for_each(Echo::stop);
        wait_until(|| live(&balance) == [0; 4]);
        steady.stop();
        let metrics = balance.metrics();
        let sum = |of: fn(&wakeline::net::BalanceMetrics) -> usize| metrics.iter().map(of).sum::<usize>();
        assert_eq!(sum(|core| core.accepted), connected);
        assert_eq!(sum(|core| core.handed_away), sum(|core| core.taken_over), "all that was handed away came out somewhere");
        assert!(sum(|core| core.handed_away) > 0, "{metrics:?}");
        println!("{metrics:?}");
    });
}

/// A client whose bytes came back, still open. They end early when the core that serves it is
/// stopped (it takes its tasks with it); they are never wrong, and nobody waits in vain.
fn served(addr: SocketAddr, seed: usize) -> Option<net::TcpStream> {
    let mut client = net::TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let sent = [seed as u8; 100];
    client.write_all(&sent).ok()?;
    let mut received = [0; 100];
    match client.read_exact(&mut received) {
        Ok(()) => assert_eq!(received, sent),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => return None,
        Err(error) => panic!("client {seed}: {error}"),
    }
    Some(client)
}

#[test]
fn a_balance_goes_to_any_thread_and_outlives_its_cores() {
    fn send_and_sync<T: Send + Sync + Clone + 'static>(_: &T) {}
    let balance = Balance::new(1);
    send_and_sync(&balance);
    let streams = run(async {
        let listener = join(&balance, 0).await;
        let _client = client(&listener);
        all_accepted(&listener).await
    });
    assert_eq!(live(&balance), [1]);
    drop(streams);
    assert_eq!(live(&balance), [0]);
    thread::spawn(move || drop(balance)).join().unwrap();
}

// The same on the cores of a runtime, named by themselves.
#[test]
fn the_cores_of_a_runtime_share_the_connections_of_one() {
    use wakeline::{Cores, Runtime};

    must_end(|| {
        let runtime = Runtime::builder().cores(Cores::exactly(3)).build().unwrap();
        let balance = by_number(runtime.cores());
        let listen = |core| {
            let balance = balance.clone();
            let task = runtime.spawn_on(core, move || async move {
                let core = wakeline::Core::current().unwrap();
                let listener = balance.join(&core, TcpListener::bind(LOCAL).await.unwrap()).unwrap();
                let addr = listener.local_addr().unwrap();
                spawn(async move { or(serve(listener), core.stopping()).await }).detach();
                addr
            });
            runtime.block_on(task).unwrap()
        };
        let addrs = [listen(0), listen(1), listen(2)];
        let mut clients: Vec<_> = (0..30).map(|_| net::TcpStream::connect(addrs[1]).unwrap()).collect();
        for (seed, client) in clients.iter_mut().enumerate() {
            talk(client, seed);
        }
        assert_eq!(live(&balance), [10, 10, 10]);
        assert_eq!(ways(&balance), [(0, 0, 10), (30, 20, 0), (0, 0, 10)]);
        // Cores that stop leave, and what they serve is cancelled with them.
        runtime.shutdown(Duration::ZERO);
        assert!(balance.metrics().iter().all(|core| !core.joined && core.live == 0), "{:?}", balance.metrics());
    });
}
