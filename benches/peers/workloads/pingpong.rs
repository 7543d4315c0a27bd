//! A token between two tasks of one thread, through two channels of capacity one: the peer's own
//! kind, and `async-channel`, which is the same for all.

use play::{Arguments, Workload};

use crate::peer::{Executor, spawn};

pub const ALL: &[Workload] = &[("pingpong_local", local), ("pingpong_common", common)];

/// The executors' own channels differ in what `send` takes and what it returns, so the game is a
/// macro over the two calls.
macro_rules! game {
    ($name:ident, $channel:path, $send:ident, $receive:ident) => {
        fn $name(arguments: &Arguments) {
            Executor::new().block_on(async {
                let mut meter = arguments.meter(20_000);
                while let Some(operations) = meter.next_chunk() {
                    #[allow(unused_mut, reason = "some of the channels want `&mut`")]
                    let ((mut question, mut questions), (mut answer, mut answers)) = ($channel(), $channel());
                    let echo = spawn(async move {
                        while let Some(token) = $receive!(questions) {
                            $send!(answer, token + 1);
                        }
                    });
                    let trips = spawn(async move {
                        let mut token = 0_u64;
                        for _ in 0..operations {
                            $send!(question, token);
                            token = $receive!(answers).expect("there is an answer");
                        }
                        token
                    });
                    assert_eq!(join!(trips), operations);
                    join!(echo);
                }
                meter.print();
            });
        }
    };
}

macro_rules! common_send {
    ($sender:expr, $token:expr) => {
        $sender.send($token).await.expect("the other side receives")
    };
}

macro_rules! common_receive {
    ($receiver:expr) => {
        $receiver.recv().await.ok()
    };
}

fn common_channel() -> (async_channel::Sender<u64>, async_channel::Receiver<u64>) {
    async_channel::bounded(1)
}

game!(local, crate::peer::channel, send, receive);
game!(common, common_channel, common_send, common_receive);
