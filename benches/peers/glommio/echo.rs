//! Echo, a task and a buffer for each connection.

use std::io;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use play::{Arguments, BUFFER, Workload, announce};

use crate::peer::{Executor, detach};

pub const ALL: &[Workload] = &[("echo", serve)];

fn serve(_: &Arguments) {
    Executor::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        announce(listener.local_addr().expect("a bound socket has an address"));
        loop {
            let stream = listener.accept().await.expect("a connection");
            detach(echo(stream));
        }
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
