//! A crawler on every core: each page is fetched by whichever core is free first, its links are
//! found on the blocking pool, and what was found goes through a channel to the one task that knows
//! what has been seen. It crawls a site that it serves itself.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::channel::{self, Sender};
use wakeline::net::{TcpListener, TcpStream};
use wakeline::time::sleep;
use wakeline::{Core, Cores, Runtime, spawn, unblock};

const PAGES: usize = 500;

/// What a visit brings home.
struct Found {
    core: usize,
    links: io::Result<Vec<String>>,
}

/// A page of the site: page n knows its two children, and its parent.
fn page(path: &str) -> Option<String> {
    let number: usize = path.strip_prefix('/')?.parse().ok().filter(|&number| number < PAGES)?;
    let links = [2 * number + 1, 2 * number + 2, number.saturating_sub(1) / 2];
    let links: String =
        links.into_iter().filter(|&link| link < PAGES).map(|link| format!("<a href=\"/{link}\">{link}</a>\n")).collect();
    Some(format!("<h1>Page {number}</h1>\n{links}"))
}

/// As little of HTTP/1.0 as a crawler needs: one line is asked, one page is answered, and the end
/// is the end.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 512];
        match stream.read(&mut bytes).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&bytes[..count]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let response = match request.split(' ').nth(1).and_then(page) {
        Some(page) => format!("HTTP/1.0 200 OK\r\n\r\n{page}"),
        None => "HTTP/1.0 404 Not Found\r\n\r\n".to_string(),
    };
    stream.write_all(response.as_bytes()).await?;
    stream.close().await
}

async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(answer(stream)).detach(),
            // Mostly: no descriptor is left. Connections that end give some back, and the next one
            // waits in the backlog.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn visit(site: SocketAddr, path: String) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(site).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let body = text.strip_prefix("HTTP/1.0 200 OK\r\n\r\n").map(str::to_string).ok_or(io::ErrorKind::NotFound)?;
    // A real page can take its time to parse; the core serves others meanwhile.
    let links = unblock(move || body.split('"').skip(1).step_by(2).map(str::to_string).collect());
    links.await.map_err(io::Error::other)
}

fn send_out(runtime: &Runtime, site: SocketAddr, path: String, home: Sender<Found>) {
    let visit = move || async move {
        let links = visit(site, path).await;
        let core = Core::current().expect("spawned on one").index();
        home.send(Found { core, links }).await.ok();
    };
    runtime.spawn_balanced(visit).detach();
}

fn main() -> io::Result<()> {
    let runtime = Runtime::builder().cores(Cores::auto()).name("crawl").build()?;
    let mut visits = vec![0; runtime.cores()];
    let seen = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let site = listener.local_addr()?;
        let serving = spawn(serve(listener));
        let (home, found) = channel::unbounded();
        let mut seen = BTreeSet::from(["/0".to_string()]);
        send_out(&runtime, site, "/0".to_string(), home.clone());
        while visits.iter().sum::<usize>() < seen.len() {
            let Found { core, links } = found.recv().await.map_err(io::Error::other)?;
            visits[core] += 1;
            for link in links?.into_iter().filter(|link| seen.insert(link.clone())) {
                send_out(&runtime, site, link, home.clone());
            }
        }
        serving.cancel().await;
        io::Result::Ok(seen.len())
    })?;
    assert_eq!(seen, PAGES, "every page is linked from another");
    println!("{seen} pages found; pages fetched by each core: {visits:?}");
    println!("{}", runtime.shutdown(Duration::from_secs(5)));
    Ok(())
}
