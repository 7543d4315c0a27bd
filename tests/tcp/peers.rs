//! Peers that share no code with us: the programs of the machine, where it has them.

use super::*;

use std::process::{Child, Command, Stdio};

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::support::skip;

/// Starts a program; says so and gives `None` where the machine lacks it.
fn start(program: &str, args: &[&str]) -> Option<Child> {
    let child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    child.map_err(|error| skip(&format!("{program} cannot be started: {error}"))).ok()
}

/// Takes one connection and sends everything back until the end; how many bytes there were.
async fn echo_once(listener: &TcpListener) -> io::Result<usize> {
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = vec![0; 4096];
    let mut total = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(total);
        }
        stream.write_all(&buffer[..count]).await?;
        total += count;
    }
}

/// Lets a client program talk to our echo through its standard streams.
fn program_is_echoed(program: &str, args: impl FnOnce(SocketAddr) -> Vec<String>) {
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let args = args(listener.local_addr().unwrap());
        let Some(mut child) = start(program, &args.iter().map(String::as_str).collect::<Vec<_>>()) else { return };
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let sent = pattern(5, 1 << 20);
        let writes = peer(move || input.write_all(&pattern(5, 1 << 20)));
        let reads = peer(move || {
            let mut got = Vec::new();
            output.read_to_end(&mut got).map(|_| got)
        });
        assert_eq!(echo_once(&listener).await.unwrap(), sent.len());
        writes.join().unwrap().unwrap();
        assert!(reads.join().unwrap().unwrap() == sent);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn netcat_gets_its_bytes_back() {
    // -N: end the writing side after the last byte. Netcats without it do not start, and are
    // skipped below.
    let knows_n = Command::new("nc").arg("-h").output().is_ok_and(|help| {
        let text = [help.stdout, help.stderr].concat();
        String::from_utf8_lossy(&text).contains("-N")
    });
    if !knows_n {
        return skip("there is no nc that knows -N");
    }
    program_is_echoed("nc", |addr| ["-N".into(), addr.ip().to_string(), addr.port().to_string()].into());
}

#[test]
fn socat_gets_its_bytes_back() {
    program_is_echoed("socat", |addr| ["-t30".into(), "-".into(), format!("TCP:{addr}")].into());
}

const PYTHON_ECHO: &str = "
import socket
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
stream, _ = listener.accept()
while True:
    data = stream.recv(1000)
    if not data:
        break
    stream.sendall(data)
stream.sendall(b'end')
stream.close()
";

#[test]
fn a_python_server_answers_us() {
    let Some(mut child) = start("python3", &["-c", PYTHON_ECHO]) else { return };
    let mut output = io::BufReader::new(child.stdout.take().unwrap());
    let mut port = String::new();
    io::BufRead::read_line(&mut output, &mut port).unwrap();
    let port: u16 = port.trim().parse().unwrap();
    run(async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let sender = wakeline::spawn(async move { write.write_all(&pattern(9, 1 << 20)).await });
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.unwrap();
        sender.await.unwrap().unwrap();
        let mut expected = pattern(9, 1 << 20);
        expected.extend_from_slice(b"end");
        assert!(got == expected);
    });
    assert!(child.wait().unwrap().success());
}
