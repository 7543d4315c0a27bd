//! Echo: as the crate's example writes it, and with a buffer for each connection as the peers have.

use std::io;
use std::net::Ipv4Addr;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use play::{Arguments, BUFFER, Workload, announce};
use wakeline::net::{TcpListener, TcpStream};

pub const ALL: &[Workload] = &[
    ("echo", |_: &Arguments| serve(async |stream| echo(&stream).await)),
    ("echo+own buffers", |_: &Arguments| serve(echo_with_buffer)),
];

fn serve<E>(echo: E)
where
    E: AsyncFn(TcpStream) -> io::Result<()> + Copy + 'static,
{
    wakeline::block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        announce(listener.local_addr().expect("a bound socket has an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            wakeline::spawn(async move { echo(stream).await }).detach();
        }
    });
}

/// Holds no buffer while it waits.
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

async fn echo_with_buffer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
