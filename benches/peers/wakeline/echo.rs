//! Echo, as the crate's examples write it.

use std::io;
use std::net::Ipv4Addr;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use play::{Arguments, BUFFER, Workload, announce};
use wakeline::net::{TcpListener, TcpStream};

pub const ALL: &[Workload] = &[("echo", serve)];

fn serve(_: &Arguments) {
    wakeline::block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        announce(listener.local_addr().expect("a bound socket has an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            wakeline::spawn(echo(stream)).detach();
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
