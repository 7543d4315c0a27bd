//! Echo, a task and a buffer for each connection.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use play::{Arguments, BUFFER, Workload, announce};

use crate::peer::{Executor, detach};

pub const ALL: &[Workload] = &[("echo", serve)];

fn serve(_: &Arguments) {
    Executor::new().block_on(async {
        let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        announce(listener.get_ref().local_addr().expect("a bound socket has an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            detach(echo(stream));
        }
    });
}

async fn echo(mut stream: Async<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
