//! An executor inside somebody else's loop: the host waits with poll(2) on descriptors of its own
//! and on the executor's. The executor's descriptor is readable when `turn` would find something,
//! and `next_deadline` says how long the host may wait.

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("this example waits with poll(2), which this system does not have");
}

#[cfg(unix)]
mod unix {
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, poll};
    use wakeline::LocalExecutor;

    pub fn main() -> io::Result<()> {
        // What the host had before it met the executor: a pipe from another part of the program,
        // here a thread.
        let (mut host_end, mut other_end) = UnixStream::pair()?;
        let writer = thread::spawn(move || {
            for line in ["one\n", "two\n", "three\n"] {
                thread::sleep(Duration::from_millis(40));
                other_end.write_all(line.as_bytes()).expect("the host reads to the end");
            }
        });

        let executor = LocalExecutor::new();
        let ticking = executor.spawn(async {
            for tick in 0..5 {
                wakeline::time::sleep(Duration::from_millis(30)).await;
                println!("a task of the executor ticks: {tick}");
            }
        });

        // As long as this lives, the executor notifies when it gets something to do.
        let host = executor.host()?;
        let mut host_is_open = true;
        // What is ready now runs first: the ticking task asks for its timer.
        executor.turn(Some(Duration::ZERO))?;
        while host_is_open || !ticking.is_finished() {
            let wait = executor.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let wait = wait.map(|wait| wait.try_into().expect("a timer of this program is due soon"));
            let mut watched = [PollFd::new(&host_end, PollFlags::IN), PollFd::new(&host, PollFlags::IN)];
            let watched = if host_is_open { &mut watched[..] } else { &mut watched[1..] };
            poll(watched, wait.as_ref())?;
            if host_is_open && !watched[0].revents().is_empty() {
                let mut text = [0; 64];
                let count = host_end.read(&mut text)?;
                host_is_open = count > 0;
                print!(
                    "the host reads: {}",
                    if host_is_open { std::str::from_utf8(&text[..count]).unwrap_or("?\n") } else { "the end\n" }
                );
            }
            executor.turn(Some(Duration::ZERO))?;
        }
        writer.join().expect("the writer does not panic");
        Ok(())
    }
}
