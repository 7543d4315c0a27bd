//! Ten thousand live TCP connections, served by one thread. One thread echoes, another one drives
//! (both are wakeline executors); at the end a table says what it took.
//!
//! ```text
//! cargo run --release --example c10k                          10 000 connections for ten seconds
//! cargo run --release --example c10k -- --conns 1000 --seconds 2
//! cargo run --release --example c10k -- --listen 127.0.0.1:7000     serves foreign clients until Ctrl-C
//! ```
//!
//! `server.rs` is what a user of the crate would write; `driver.rs` is the clients; `limits.rs`
//! makes room for the descriptors, `counted.rs` counts memory, `report.rs` prints. The process has
//! these two threads and no others.

mod arguments;
mod counted;
mod driver;
mod limits;
mod report;
mod server;

use std::process::ExitCode;
use std::thread;

use wakeline::LocalExecutor;

use arguments::Arguments;

#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(arguments::Refusal::Help) => {
            print!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(arguments::Refusal::Wrong(what)) => {
            eprint!("c10k: {what}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = match arguments.listen {
        Some(address) => LocalExecutor::new().block_on(server::serve_foreign(address)).map(|()| true),
        None => measure(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("c10k: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves on this thread while another one drives; true when no byte was wrong and no connection
/// died.
fn measure(arguments: &Arguments) -> std::io::Result<bool> {
    let limit = limits::raise_descriptors(arguments.conns);
    let executor = LocalExecutor::new();
    limits::open_notifier(&executor);
    let plan = driver::Plan { conns: arguments.conns, seconds: arguments.seconds, limit, server: executor.spawner() };
    let findings = executor.block_on(async {
        let listeners = server::listen_on_loopback(driver::addresses_for(arguments.conns)).await?;
        let addresses = listeners.iter().map(|listener| listener.local_addr()).collect::<Result<Vec<_>, _>>()?;
        let driving = thread::Builder::new().name("driver".into()).spawn(move || driver::run(plan, &addresses))?;
        server::serve_until_driven(listeners).await?;
        driving.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    report::print(&findings);
    Ok(findings.wrong_bytes == 0 && findings.alive == findings.conns)
}
