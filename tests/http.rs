//! The example `http` as it is, in a process of its own, asked by clients that others have written:
//! Python's `http.client`, curl, and bytes from a plain socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PATIENCE, Random, assert_contains, is_child, skip, wait_until};

#[path = "../examples/http.rs"]
#[allow(dead_code)]
mod example;

/// How long a client may take for its ten thousand requests; a few seconds are usual.
const LONG: Duration = PATIENCE.saturating_mul(4);

fn words(words: &[&str]) -> std::vec::IntoIter<String> {
    words.iter().map(|word| word.to_string()).collect::<Vec<_>>().into_iter()
}

/// The server, killed when a test fails.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        Self::start_with(Stdio::inherit())
    }

    fn start_with(stderr: Stdio) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["http::the_server_of_these_tests", "--exact", "--nocapture", "--test-threads=1"]);
        command.env("WAKELINE_TEST_CHILD", "http").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on ") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the server has not come up");
        }
        let (_, line) = line.split_once("listening on ").unwrap();
        let (address, cores) = line.split_once(", ").unwrap();
        assert_eq!(cores.trim(), "2 cores");
        Self { process, output, address: address.parse().unwrap() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).unwrap();
    }

    /// What it says after it was interrupted, to the end.
    #[track_caller]
    fn ends(mut self) -> String {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let status = wait(&mut self.process, PATIENCE);
        assert!(status.success(), "{status}: {text}");
        assert_contains(&text, &["1 passed"]);
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn wait(process: &mut Child, patience: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > patience {
            let _ = process.kill();
            panic!("the process hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn exists(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let exists = status.is_ok_and(|status| status.success());
    if !exists {
        skip(&format!("{program} is not installed"));
    }
    exists
}

/// Runs a client to its end, killed when it takes too long, and returns what it says.
#[track_caller]
fn client(program: &str, arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut process = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    let writing = thread::spawn(move || to.write_all(&input));
    let reading = thread::spawn(move || {
        let mut output = Vec::new();
        from.read_to_end(&mut output).map(|_| output)
    });
    let status = wait(&mut process, LONG);
    let output = reading.join().unwrap().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}\n{}", String::from_utf8_lossy(&output));
    writing.join().unwrap().unwrap();
    output
}

/// Not a test but the server of the others, in a process that they start; nothing in any other.
#[test]
fn the_server_of_these_tests() {
    if is_child() {
        assert_eq!(example::start(words(&["--listen", "127.0.0.1:0", "--cores", "2"])), ExitCode::SUCCESS);
    }
}

/// A hundred threads with a connection each, which must be the same to the end, and a hundred
/// requests on it.
const PYTHON: &str = r#"
import http.client, random, sys, threading
host, port = sys.argv[1], int(sys.argv[2])
failures, counts = [], []

def talk(number):
    chance = random.Random(number)
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.connect()
    here = connection.sock.getsockname()
    done = 0
    for request in range(100):
        kind = chance.randrange(20)
        body, method, path = None, "GET", "/"
        expected = (200, b"hello\n")
        if kind < 10:
            body = chance.randbytes(chance.choice([0, 1, 100, 4096, 8191, 65537, 200000] if request % 10 == 0 else [0, 1, 2, 1000, 5000]))
            method, path, expected = "POST", "/echo", (200, body)
        elif kind == 10:
            path, expected = "/nothing", (404, b"not found\n")
        elif kind == 11:
            path, expected = "/echo", (405, b"method not allowed\n")
        elif kind == 12:
            method, expected = "HEAD", (200, b"")
        chunked = body is not None and chance.random() < 0.3
        headers = {"Transfer-Encoding": "chunked"} if chunked else {}
        parts = [body[at:at + 777] for at in range(0, len(body), 777)] if chunked else body
        connection.request(method, path, body=iter(parts) if chunked else parts, headers=headers, encode_chunked=chunked)
        answer = connection.getresponse()
        got = (answer.status, answer.read())
        assert got == expected, (method, path, got[0], len(got[1]), expected[0], len(expected[1]))
        assert connection.sock is not None and connection.sock.getsockname() == here, "the connection was not kept"
        done += 1
    connection.close()
    counts.append(done)

def guarded(number):
    try:
        talk(number)
    except BaseException as failure:
        failures.append((number, repr(failure)))

threads = [threading.Thread(target=guarded, args=(number,)) for number in range(100)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("requests", sum(counts), "failures", failures)
"#;

#[test]
fn ten_thousand_requests_of_a_foreign_client_get_every_byte_right() {
    let server = Server::start();
    let (host, port) = (server.address.ip().to_string(), server.address.port().to_string());
    if exists("python3") {
        let said = client("python3", &["-c", PYTHON, &host, &port], Vec::new());
        assert_eq!(String::from_utf8_lossy(&said).trim(), "requests 10000 failures []");
    }
    if exists("curl") {
        let url = format!("http://{host}:{port}/?[1-10000]");
        let said =
            client("curl", &["-sS", "--no-progress-meter", "--fail", "--parallel", "--parallel-max", "100", &url], Vec::new());
        assert!(said == b"hello\n".repeat(10_000), "{} bytes", said.len());
        // More than all buffers on the way hold, so that it has to be echoed while it is still
        // being sent.
        let mut random = Random::new(8);
        let body: Vec<u8> = (0..16 << 20).map(|_| random.below(256) as u8).collect();
        let url = format!("http://{host}:{port}/echo");
        for chunked in ["Transfer-Encoding: chunked", "Expect: 100-continue"] {
            let said = client("curl", &["-sS", "--fail", "-H", chunked, "-T", "-", "-X", "POST", &url], body.clone());
            assert!(said == body, "{chunked}: {} bytes of {}", said.len(), body.len());
        }
    }
    server.interrupt();
    assert_contains(&server.ends(), &["shut down: ", "none cancelled", "nothing abandoned"]);
}

/// Reads an answer's head and the bytes after it.
fn read_answer(stream: &mut TcpStream, body: usize) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut bytes = vec![0; body];
    stream.read_exact(&mut bytes).unwrap();
    (String::from_utf8(head).unwrap().to_lowercase(), bytes)
}

#[test]
fn an_interrupt_lets_answers_under_way_finish_and_closes_what_is_idle() {
    let server = Server::start();
    let (mut idle, mut busy, mut silent) = (server.connect(), server.connect(), server.connect());
    idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut idle, 6).1, b"hello\n");
    busy.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n01234").unwrap();
    assert_eq!(read_answer(&mut busy, 5).1, b"01234");

    server.interrupt();
    // The idle ones see the end without asking for anything, which says that the server has
    // understood.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    busy.write_all(b"56789").unwrap();
    let mut rest = Vec::new();
    busy.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"56789");
    // The other core may hear of it a little later.
    wait_until(|| TcpStream::connect(server.address).is_err());
    assert_contains(&server.ends(), &["shut down: ", "none cancelled", "nothing abandoned"]);
}

#[test]
fn a_request_that_is_half_sent_does_not_hold_up_the_end() {
    let server = Server::start();
    let (mut half, mut idle) = (server.connect(), server.connect());
    idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    half.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n0123").unwrap();
    assert_eq!(read_answer(&mut idle, 6).1, b"hello\n");
    assert_eq!(read_answer(&mut half, 4).1, b"0123");
    server.interrupt();
    // The server ends it by itself: nothing is left for the shutdown to cancel.
    assert_contains(&server.ends(), &["shut down: ", "none cancelled", "nothing abandoned"]);
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let mut server = Server::start();
    let (mut half, mut idle) = (server.connect(), server.connect());
    idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    half.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n0123").unwrap();
    assert_eq!(read_answer(&mut idle, 6).1, b"hello\n");
    assert_eq!(read_answer(&mut half, 4).1, b"0123");
    server.interrupt();
    // The first one has been understood.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    server.interrupt();
    assert_eq!(wait(&mut server.process, PATIENCE).code(), Some(130));
}

/// Ten seconds long, because that is the server's patience.
#[test]
fn a_peer_that_does_not_go_on_is_left_alone() {
    let server = Server::start();
    let (mut silent, mut half, mut busy) = (server.connect(), server.connect(), server.connect());
    half.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    busy.set_write_timeout(Some(PATIENCE)).unwrap();
    busy.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    // It sends and never reads: the server cannot send its answer, reads no more, and so nothing
    // moves.
    let refused = loop {
        if let Err(error) = busy.write_all(&[0; 1 << 16]) {
            break error.kind();
        }
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&refused), "{refused}");
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    // It may be told what it has done before it is left alone.
    half.read_to_end(&mut Vec::new()).unwrap();
    server.interrupt();
    server.ends();
}

/// A pipe holds some 64 KiB, so that a line for each of these connections would be too much.
#[test]
fn a_stderr_that_nobody_reads_stops_nothing() {
    let server = Server::start_with(Stdio::piped());
    for _ in 0..2000 {
        let mut stream = server.connect();
        stream.write_all(b"nonsense\r\n\r\n").unwrap();
        // Until the server has dealt with it.
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream, 6).1, b"hello\n");
    server.interrupt();
    server.ends();
}

#[test]
fn methods_that_fit_nowhere_are_told_which_would_fit() {
    let server = Server::start();
    let mut stream = server.connect();
    for (request, status, allow) in [("DELETE /", "405", "get, head"), ("GET /echo", "405", "post"), ("GET /x", "404", "")] {
        write!(stream, "{request} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let (head, _) = read_answer(&mut stream, if status == "404" { 10 } else { 19 });
        assert_contains(&head, &[status]);
        assert_eq!(head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap_or(""), allow);
    }
    server.interrupt();
    server.ends();
}

#[test]
fn arguments_that_make_no_sense_are_answered_with_status_2() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["--listen"],
        &["--listen", "nowhere"],
        &["--cores", "2"],
        &["--listen", "127.0.0.1:0", "--cores", "0"],
        &["--listen", "127.0.0.1:0", "--cores", "two"],
        &["--listen", "127.0.0.1:0", "more"],
        &["--help"],
    ];
    for arguments in wrong {
        assert_eq!(example::start(words(arguments)), ExitCode::from(2), "{arguments:?}");
    }
}
