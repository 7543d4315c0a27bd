//! A TCP echo server: one task for each connection, all of them on one thread.
//! Without arguments it serves itself one client and ends; with `--listen ADDR` it serves whoever comes until Ctrl-C.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::net::{TcpListener, TcpStream};

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let session = async move {
            match echo(stream).await {
                Ok(()) => println!("{peer} has gone"),
                Err(error) => println!("{peer}: {error}"),
            }
        };
        wakeline::spawn(session).detach();
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
        return serve(listener).await;
    }
    let serving = wakeline::spawn(serve(listener));
    talk_to(here).await?;
    serving.cancel().await;
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
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
