//! `Builder::spin`: an executor that spins before it parks notices everything that a parked one
//! notices, and needs no notification.

use std::thread;
use std::time::{Duration, Instant};

use wakeline::{LocalExecutor, time};

use crate::support::{must_end, parked};

/// Longer than any test: what ends the spinning is what is tested.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn spinning() -> LocalExecutor {
    LocalExecutor::builder().spin(FOR_EVER).build()
}

#[test]
fn a_remote_wake_reaches_a_spinning_executor_without_a_notification() {
    must_end(|| {
        let executor = spinning();
        let (future, key) = parked();
        let waking = thread::spawn({
            let key = key.clone();
            move || {
                while key.polls() == 0 {
                    thread::yield_now();
                }
                key.open_and_wake();
            }
        });
        executor.block_on(future);
        waking.join().unwrap();
        assert_eq!(executor.metrics().notifications, 0);
        assert_eq!(executor.metrics().turns, 0, "it has not parked either");
    });
}

#[test]
fn a_timer_fires_while_the_executor_spins() {
    must_end(|| spinning().block_on(time::sleep(Duration::from_millis(2))));
}

#[cfg(unix)]
#[test]
fn a_socket_is_seen_while_the_executor_spins() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    must_end(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let executor = spinning();
        let read = executor.block_on(async {
            let ours = wakeline::io::Async::new(ours).unwrap();
            thread::spawn(move || theirs.write_all(b"x").unwrap());
            let mut buffer = [0; 1];
            ours.read_with(|mut stream| stream.read(&mut buffer)).await.unwrap()
        });
        assert_eq!(read, 1);
    });
}

#[test]
fn a_turn_with_a_limit_spins_no_longer() {
    must_end(|| {
        let executor = spinning();
        let before = Instant::now();
        executor.turn(Some(Duration::from_millis(3))).unwrap();
        assert!(before.elapsed() >= Duration::from_millis(3));
    });
}

#[test]
fn an_executor_that_has_spun_long_enough_parks() {
    must_end(|| {
        let executor = LocalExecutor::builder().spin(Duration::from_micros(50)).build();
        // On a crowded machine a spin may take longer than the timer, and then there is no need to
        // park.
        while executor.metrics().turns == 0 {
            executor.block_on(time::sleep(Duration::from_millis(20)));
        }
        let (future, key) = parked();
        let waking = thread::spawn(move || key.open_and_wake());
        executor.block_on(future);
        waking.join().unwrap();
    });
}
