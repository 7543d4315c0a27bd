//! Echo, a task and a buffer for each connection.

use std::io;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use play::{Arguments, BUFFER, Workload, announce};

use crate::peer::{Executor, detach};

pub const ALL: &[Workload] = &[("echo", serve)];

fn serve(_: &Arguments) {
    Executor::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        announce(listener.local_addr().expect("a bound socket has an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            detach(echo(stream));
        }
    });
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let (count, filled) = stream.read(buffer).await;
        if count? == 0 {
            return Ok(());
        }
        let (written, emptied) = stream.write_all(filled).await;
        written?;
        buffer = emptied;
        buffer.clear();
    }
}
