//! The smallest program: `block_on` makes an executor on this thread and runs a future to its end.
//! Inside it, `spawn` starts tasks that need not be `Send`, and awaiting a handle brings back what
//! the task returned.

use std::rc::Rc;

fn main() {
    let greeting = wakeline::block_on(async {
        let name = Rc::new("world");
        let task = wakeline::spawn(async move { format!("hello, {name}") });
        task.await.expect("the task neither panics nor is cancelled")
    });
    println!("{greeting}");
}
