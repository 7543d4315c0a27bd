//! Messages from another thread, to a task.

#![cfg(wakeline_loom)]

use loom::thread;
use wakeline::{block_on, channel, spawn};

#[test]
fn what_another_thread_sends_arrives_and_then_the_end() {
    loom::model(|| {
        let (sender, receiver) = channel::bounded(1);
        let other = thread::spawn(move || sender.try_send(1).unwrap());
        let received = block_on(async {
            let task = spawn(async move { (receiver.recv().await, receiver.recv().await) });
            task.await.unwrap()
        });
        assert_eq!(received, (Ok(1), Err(channel::RecvError)));
        other.join().unwrap();
    });
}

/// The planted bug: who has asked waits for the answer with its own end of the answer's channel in
/// hand, so that no end is ever seen.
#[test]
#[should_panic(expected = "deadlock")]
fn loom_finds_the_answer_that_cannot_come() {
    loom::model(|| {
        let (ask, asked) = channel::bounded::<channel::Sender<usize>>(1);
        let other = thread::spawn(move || drop(asked.try_recv()));
        let (answer, answered) = channel::bounded(1);
        block_on(async {
            let _ = ask.send(answer.clone()).await;
            let _ = answered.recv().await;
        });
        other.join().unwrap();
    });
}
