//! Sleeping, a limit on how long something may take, and a steady beat that does not drift.
//! Deadlines are kept to the nanosecond and no timer needs a thread or a lock: ten thousand of them
//! run here at once.

use std::time::{Duration, Instant};

use wakeline::time::{interval, sleep, timeout};

fn main() {
    wakeline::block_on(async {
        let start = Instant::now();
        sleep(Duration::from_micros(1500)).await;
        println!("1.5 ms later: {:?}", start.elapsed());

        match timeout(Duration::from_millis(20), sleep(Duration::from_secs(3600))).await {
            Ok(()) => println!("an hour has passed"),
            Err(_) => println!("an hour is too long: given up after {:?}", start.elapsed()),
        }

        let mut beat = interval(Duration::from_millis(50));
        for number in 0..4 {
            beat.tick().await;
            println!("beat {number} at {:?}", start.elapsed());
        }

        let start = Instant::now();
        let sleepers: Vec<_> = (0..10_000).map(|number| wakeline::spawn(sleep(Duration::from_micros(50 * number)))).collect();
        for sleeper in sleepers {
            sleeper.await.expect("a sleeper neither panics nor is cancelled");
        }
        println!("10 000 sleepers, the last one due after 499.95 ms, were done after {:?}", start.elapsed());
    });
}
