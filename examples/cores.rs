//! One executor per core: the same main runs on each of them, and what they have to say to each
//! other goes through channels. A token travels around the ring of cores; then a task of each core
//! is asked for by another, and all of it ends with a report.

use std::io;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use wakeline::channel::{self, Receiver, Sender};
use wakeline::{Core, Cores, Runtime, spawn};

const ROUNDS: usize = 10_000;

/// A core's ends of the ring: from the core before it, to the one behind it.
type Ends = (Receiver<usize>, Sender<usize>);

/// One pair of ends for each core.
fn ring(cores: usize) -> Vec<Ends> {
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..cores).map(|_| channel::bounded(1)).unzip();
    receivers.rotate_right(1);
    receivers.into_iter().zip(senders).collect()
}

/// Passes the token on, and counts in something that never leaves this core.
async fn pass_on(core: &Core, (before, behind): Ends) -> usize {
    let passed = Rc::new(std::cell::Cell::new(0));
    let counting = passed.clone();
    // The task is this core's, and so is all that it owns; nothing here is locked or counted
    // atomically.
    let passing = spawn(async move {
        while let Ok(token) = before.recv().await {
            counting.set(counting.get() + 1);
            if behind.send(token + 1).await.is_err() {
                break;
            }
            if counting.get() == ROUNDS {
                break;
            }
        }
    });
    passing.await.expect("it does not panic");
    println!("core {} has passed the token on {} times", core.index(), passed.get());
    passed.get()
}

fn main() -> io::Result<()> {
    let cores = Cores::auto();
    println!("{}", cores.explain());
    let runtime = Runtime::builder().cores(cores).name("cores").build()?;

    // The same main on every core. Each takes its own ends of the ring, and core 0 begins.
    let ends = Mutex::new(ring(runtime.cores()).into_iter().map(Some).collect::<Vec<_>>());
    let passed = runtime.run(move |core| {
        let ends = ends.lock().expect("nobody has panicked")[core.index()].take().expect("each core takes its own");
        async move {
            if core.index() == 0 {
                ends.1.send(0).await.ok();
            }
            pass_on(&core, ends).await
        }
    });
    assert_eq!(passed.len(), runtime.cores());

    // A task for a chosen core, from any thread; the closure travels, the future stays there.
    let last = runtime.cores() - 1;
    let name = runtime.block_on(runtime.spawn_on(last, || async { std::thread::current().name().map(String::from) }));
    println!("core {last} is thread {:?}", name.expect("it has run"));

    for (index, core) in runtime.metrics().cores.iter().enumerate() {
        println!(
            "core {index}: {} polls, {} remote wakes, {} sleeps, busy for {:?}",
            core.polls, core.remote_wakes, core.sleeps, core.busy
        );
    }
    println!("{}", runtime.shutdown(Duration::from_secs(5)));
    Ok(())
}
