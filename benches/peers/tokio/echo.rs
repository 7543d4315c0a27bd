//! Echo on the `current_thread` runtime, a task and a buffer for each connection.

use std::io;
use std::net::Ipv4Addr;

use play::{Arguments, BUFFER, Workload, announce};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::{Executor, spawn};

pub const ALL: &[Workload] = &[("echo", serve)];

fn serve(_: &Arguments) {
    Executor::new().block_on(async {
        // A root that accepts is polled after each wake of the driver; a task is not.
        let accepting = spawn(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
            announce(listener.local_addr().expect("a bound socket has an address"));
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                spawn(echo(stream));
            }
        });
        accepting.await.expect("the server serves until it is killed")
    });
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
