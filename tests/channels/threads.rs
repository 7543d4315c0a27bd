//! Channels between executors on different threads.

use std::collections::BTreeMap;
use std::thread;

use futures_lite::StreamExt;
use wakeline::{block_on, channel, spawn, yield_now};

use crate::support::{must_end, rounds};

#[test]
fn every_message_arrives_once_and_each_senders_in_their_order() {
    must_end(|| {
        for capacity in [Some(0), Some(1), Some(3), None] {
            let each = rounds(300);
            let (sender, receiver) = capacity.map_or_else(channel::unbounded, channel::bounded);
            let senders: Vec<_> = (0..2)
                .map(|thread| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        block_on(async {
                            let tasks: Vec<_> = (0..3)
                                .map(|task| {
                                    let sender = sender.clone();
                                    spawn(async move {
                                        for number in 0..each {
                                            sender.send(((thread, task), number)).await.unwrap();
                                        }
                                    })
                                })
                                .collect();
                            for task in tasks {
                                task.await.unwrap();
                            }
                        });
                    })
                })
                .collect();
            drop(sender);
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let mut receiver = receiver.clone();
                    thread::spawn(move || {
                        block_on(async {
                            let mut got = Vec::new();
                            while let Some(message) = receiver.next().await {
                                got.push(message);
                            }
                            got
                        })
                    })
                })
                .collect();
            drop(receiver);
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            let mut count: BTreeMap<_, usize> = BTreeMap::new();
            for receiver in receivers {
                let mut last = BTreeMap::new();
                for (from, number) in receiver.join().unwrap() {
                    *count.entry(from).or_default() += 1;
                    assert!(last.insert(from, number).is_none_or(|before| before < number), "the order of one sender");
                }
            }
            assert_eq!(count.len(), 6);
            assert!(count.values().all(|count| *count == each), "{count:?}");
        }
    });
}

/// CH3, JC9.
#[test]
fn receivers_that_give_up_lose_nothing() {
    must_end(|| {
        let each = rounds(2_000);
        let (sender, receiver) = channel::bounded(1);
        let (done, dones) = channel::unbounded();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let (receiver, done) = (receiver.clone(), done.clone());
                thread::spawn(move || {
                    block_on(async {
                        // Waits a moment, gives up, and asks again.
                        loop {
                            let patience = async {
                                yield_now().await;
                                None
                            };
                            match futures_lite::future::or(async { Some(receiver.recv().await) }, patience).await {
                                Some(Ok(number)) => done.try_send(number).unwrap(),
                                Some(Err(_)) => break,
                                None => {}
                            }
                        }
                    })
                })
            })
            .collect();
        drop((receiver, done));
        block_on(async {
            for number in 0..each {
                sender.send(number).await.unwrap();
            }
        });
        drop(sender);
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
        let mut got: Vec<usize> = std::iter::from_fn(|| dones.try_recv().ok()).collect();
        got.sort_unstable();
        assert_eq!(got, Vec::from_iter(0..each));
    });
}

/// CH1, JC12.
#[test]
fn a_oneshot_between_threads_answers_or_says_that_nobody_does() {
    must_end(|| {
        for round in 0..rounds(300) {
            let (sender, receiver) = channel::oneshot();
            let answers = thread::spawn(move || match round % 3 {
                0 => {
                    drop(sender);
                    Ok(())
                }
                _ => sender.send(round),
            });
            if round % 3 == 1 {
                drop(receiver);
                let _ = answers.join().unwrap();
                continue;
            }
            let answer = block_on(receiver);
            assert_eq!(answer.is_err(), round % 3 == 0);
            assert!(answer.is_err() || answer == Ok(round));
            answers.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_close_on_one_thread_ends_the_waits_on_another() {
    must_end(|| {
        for _ in 0..rounds(100) {
            let (sender, receiver) = channel::bounded::<u8>(1);
            let waits = thread::spawn(move || block_on(receiver.recv()));
            sender.close();
            assert!(waits.join().unwrap().is_err());
            let (sender, receiver) = channel::bounded(1);
            sender.try_send(1).unwrap();
            let waits = thread::spawn(move || block_on(sender.send(2)).unwrap_err().into_inner());
            receiver.close();
            assert_eq!(waits.join().unwrap(), 2);
        }
    });
}
