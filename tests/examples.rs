//! Servers that people copy, where they have to do without something: the example `echo`, as it is,
//! in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{OnDrop, PATIENCE, is_child};

#[path = "../examples/echo.rs"]
#[allow(dead_code)]
mod echo;

/// Descriptors of the server, and of these its own.
const LIMIT: u64 = 48;

/// Not a test but the server of the other one.
#[test]
fn the_echo_of_these_tests() {
    if is_child() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum }).unwrap();
        let words = ["--listen", "127.0.0.1:0"].map(String::from);
        assert_eq!(echo::start(words.into_iter()), ExitCode::SUCCESS);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Says something and hears it.
fn talk(mut stream: TcpStream) -> TcpStream {
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    stream
}

#[test]
fn echo_outlives_more_connections_than_it_has_descriptors() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["examples::the_echo_of_these_tests", "--exact", "--nocapture", "--test-threads=1"]);
    command.env("WAKELINE_TEST_CHILD", "echo").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let _end = OnDrop::new(move || {
        let _ = server.kill();
        let _ = server.wait();
    });
    let mut line = String::new();
    while !line.contains("listening on ") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the server has not come up");
    }
    let address = line.split_once("listening on ").unwrap().1.trim().parse().unwrap();

    // One that was served before, as many as there is no room for, and one that has to wait for its
    // turn.
    let first = talk(connect(address));
    let idle: Vec<TcpStream> = (0..2 * LIMIT).map(|_| connect(address)).collect();
    let last = connect(address);
    // Those that are served go on being served, and the one that waits is when the others have
    // gone.
    let _first = talk(first);
    drop(idle);
    talk(last);
    talk(connect(address));
}
