//! An executor with 1000 idle connections for five seconds: context switches, CPU time and system
//! calls of its thread.
//!
//! Run it with `cargo bench -p wakeline-benches --bench idle`. Each connection has echoed one
//! message before the five seconds begin, so that every task is parked in a read. The kernel's own
//! books (`/proc/self/task/TID`) are read from another thread; the executor's counter of system
//! calls is read before the idle stretch and after it, and the reading itself is taken off. Goals:
//! 0, 0 and 0.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use wakeline_benches::{system, table, wakeline_echo};

const CONNECTIONS: usize = 1000;
const IDLE: Duration = Duration::from_secs(5);

fn main() {
    system::raise_descriptor_limit();
    let server = wakeline_echo::start(0);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = TcpStream::connect(server.address).expect("the server listens");
        let mut answer = [0; 5];
        client.write_all(b"hello").expect("a new socket takes five bytes");
        client.read_exact(&mut answer).expect("the server answers");
        assert_eq!(&answer, b"hello");
        // Closing resets: a thousand ports in TIME_WAIT would be missing in the next run.
        set_socket_linger(&client, Some(Duration::ZERO)).expect("a socket has a linger option");
        clients.push(client);
    }
    // Reading the counters wakes the server: what a reading costs after a short sleep is taken off
    // what one costs after the long one.
    let settle = || std::thread::sleep(Duration::from_millis(200));
    settle();
    let _falls_asleep = (server.progress)();
    settle();
    let first = (server.progress)();
    settle();
    let second = (server.progress)();
    settle();
    let before = server.thread.activity().expect("the server's thread is there");
    std::thread::sleep(IDLE);
    let after = server.thread.activity().expect("the server's thread is there");
    let third = (server.progress)();

    let reading = second.calls - first.calls;
    let calls = (third.calls - second.calls).saturating_sub(reading);
    println!("{CONNECTIONS} idle connections, {} s", IDLE.as_secs());
    table::at_most("voluntary context switches", (after.voluntary - before.voluntary) as f64, 0.0);
    table::at_most("involuntary context switches", (after.involuntary - before.involuntary) as f64, 0.0);
    table::at_most("nanoseconds of CPU time", (after.cpu_ns - before.cpu_ns) as f64, 0.0);
    table::at_most("system calls", calls as f64, 0.0);
    (server.stop)();
    drop(clients);
    server.join.join().expect("the server ends");
}
