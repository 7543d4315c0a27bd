//! One listener on every core, all on one port, and a balance that keeps the cores equally loaded,
//! whatever the kernel's hash says. Serves itself a hundred clients and shows what each core had to
//! do, without and with handing over.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
use wakeline::net::{Balance, BalancedListener, TcpListener, TcpStream};
use wakeline::time::sleep;
use wakeline::{Core, Cores, Runtime};

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

/// Accepts what this core shall serve, until the runtime stops.
async fn serve(core: Core, listener: BalancedListener) {
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => wakeline::spawn(echo(stream)).detach(),
                // Mostly: no descriptor is left. Connections that end give some back, and the next
                // one waits in the backlog.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    accept.or(core.stopping()).await;
}

/// Makes this core listen, and serve in a task of its own. The address has a port then.
async fn listen(balance: Balance, address: SocketAddr) -> io::Result<SocketAddr> {
    let core = Core::current().expect("a core runs this");
    let listener = TcpListener::builder().reuse_port(true).bind(address).await?;
    let listener = balance.join(&core, listener)?;
    let address = listener.local_addr()?;
    wakeline::spawn(serve(core, listener)).detach();
    Ok(address)
}

/// Connects, says something and hears it; the connection stays open.
async fn client(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let text = format!("client {number:3}");
    stream.write_all(text.as_bytes()).await?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, text.as_bytes());
    Ok(stream)
}

/// A server with this balance, and a hundred clients. What the fullest core has more than the
/// emptiest.
fn play(balance: Balance) -> io::Result<usize> {
    let runtime = Runtime::builder().cores(Cores::exactly(4)).build()?;
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for core in 0..runtime.cores() {
        let balance = balance.clone();
        // The first core chooses the port, the others share it.
        address = runtime.block_on(runtime.spawn_on(core, move || listen(balance, address))).expect("the core runs")?;
    }
    let clients = wakeline::block_on(async {
        let mut clients = Vec::new();
        for number in 0..100 {
            clients.push(client(address, number).await?);
        }
        io::Result::Ok(clients)
    })?;
    let metrics = balance.metrics();
    for (core, metrics) in metrics.iter().enumerate() {
        let (live, accepted, away, over) = (metrics.live, metrics.accepted, metrics.handed_away, metrics.taken_over);
        println!("  core {core} serves {live:3}: accepted {accepted:3}, handed away {away:3}, taken over {over:3}");
    }
    drop(clients);
    println!("  {}", runtime.shutdown(Duration::from_secs(1)));
    let live = || metrics.iter().map(|core| core.live);
    Ok(live().max().unwrap_or(0) - live().min().unwrap_or(0))
}

fn main() -> io::Result<()> {
    println!("the kernel's hash alone:");
    // A slack that no core ever exceeds.
    play(Balance::builder(4).slack(usize::MAX).build())?;
    println!("with a balance:");
    let difference = play(Balance::new(4))?;
    assert!(difference <= 1, "cores differ by {difference}");
    Ok(())
}
