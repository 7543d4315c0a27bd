//! A TCP echo server: one task for each connection, all of them on one thread. Without arguments it
//! serves itself one client and ends; with `--listen ADDR` it serves all clients until Ctrl-C.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::net::{TcpListener, TcpStream};
use wakeline::time::sleep;

/// Holds no buffer while it waits: the thread lends one for as long as the closure runs. Only bytes
/// that the peer does not take at once are kept.
async fn echo(stream: &TcpStream) -> io::Result<()> {
    loop {
        let read = stream.read_lent(|bytes| write_now(stream, bytes)).await?;
        let Some(rest) = read.transpose()? else { return Ok(()) };
        if !rest.is_empty() {
            // Boxed, so that a connection which is silent has no room for it.
            Box::pin(write_rest(stream, rest)).await?;
        }
    }
}

/// Writes what there is room for, and gives back a copy of the rest: mostly nothing.
fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match stream.try_write(bytes) {
        Ok(count) => Ok(bytes[count..].to_vec()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.to_vec()),
        Err(error) => Err(error),
    }
}

async fn write_rest(mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
    stream.write_all(&rest).await
}

async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            // How a connection ends is its own affair. Nothing is printed for it: a pipe that
            // nobody reads would stop the server.
            Ok((stream, _)) => wakeline::spawn(async move { echo(&stream).await }).detach(),
            // Mostly: no descriptor is left. Connections that end give some back, and the next one
            // waits in the backlog.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Says something, hears it back, and hangs up.
async fn talk_to(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"is anybody there?").await?;
    stream.close().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("the server says: {answer}");
    assert_eq!(answer, "is anybody there?");
    Ok(())
}

async fn run(address: Option<SocketAddr>) -> io::Result<()> {
    let listener = TcpListener::bind(address.unwrap_or(([127, 0, 0, 1], 0).into())).await?;
    let here = listener.local_addr()?;
    println!("listening on {here}");
    if address.is_some() {
        serve(listener).await;
        return Ok(());
    }
    let serving = wakeline::spawn(serve(listener));
    talk_to(here).await?;
    serving.cancel().await;
    Ok(())
}

fn main() -> ExitCode {
    start(std::env::args().skip(1))
}

pub fn start(words: impl Iterator<Item = String>) -> ExitCode {
    let words: Vec<String> = words.collect();
    let address = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["--listen", address] => address.parse().map(Some),
        _ => "".parse().map(Some),
    };
    let Ok(address) = address else {
        eprintln!("usage: echo [--listen ADDR]");
        return ExitCode::from(2);
    };
    match wakeline::block_on(run(address)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}
