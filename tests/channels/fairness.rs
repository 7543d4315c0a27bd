//! Many who wait, and channels that are always ready: each test runs for both kinds of channel.

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::cell::Cell;
            use std::rc::Rc;
            use std::thread;
            use std::time::Duration;

            use wakeline::$name as channel;
            use wakeline::{LocalExecutor, block_on, spawn, time, yield_now};

            use crate::support::Trace;

            /// CH9: with a quadratic cost this would take minutes.
            #[test]
            fn many_who_wait_are_woken_in_their_order_at_a_cost_that_grows_with_their_number() {
                const MANY: usize = 20_000;
                let (sender, receiver) = channel::bounded(1);
                let (order, got, begun) = (Trace::new(), Trace::new(), Rc::new(Cell::new(0)));
                block_on(async {
                    let tasks: Vec<_> = (0..MANY)
                        .map(|number| {
                            let (receiver, order, got, begun) = (receiver.clone(), order.clone(), got.clone(), begun.clone());
                            spawn(async move {
                                begun.set(begun.get() + 1);
                                if let Ok(message) = receiver.recv().await {
                                    got.push(message);
                                }
                                order.push(number);
                            })
                        })
                        .collect();
                    while begun.get() < MANY {
                        yield_now().await;
                    }
                    for message in 0..MANY / 2 {
                        sender.send(message).await.unwrap();
                    }
                    sender.close();
                    for task in tasks {
                        task.await.unwrap();
                    }
                });
                assert!(order.take() == Vec::from_iter(0..MANY), "in the order in which they waited");
                assert!(got.take() == Vec::from_iter(0..MANY / 2), "in the order in which they were sent");
            }

            #[test]
            fn a_task_whose_channel_is_always_ready_still_yields() {
                let trace = Trace::new();
                block_on(async {
                    let (sender, receiver) = channel::unbounded();
                    (0..1000).for_each(|number| sender.try_send(number).unwrap());
                    let others = trace.clone();
                    let busy = spawn(async move {
                        for _ in 0..1000 {
                            receiver.recv().await.unwrap();
                        }
                        others.push("busy");
                    });
                    let other = trace.clone();
                    let sends = spawn(async move {
                        for number in 0..1000 {
                            sender.send(number).await.unwrap_or_default();
                        }
                        other.push("sends");
                    });
                    let other = trace.clone();
                    let patient = spawn(async move { other.push("patient") });
                    busy.await.unwrap();
                    sends.await.unwrap();
                    patient.await.unwrap();
                });
                assert_eq!(trace.take()[0], "patient");
            }

            /// Batches of one task follow each other without end; what has its turn between two
            /// batches still has it.
            #[test]
            fn two_tasks_that_answer_each_other_for_ever_keep_nobody_waiting() {
                let executor = LocalExecutor::new();
                let (questions, answers) = (channel::bounded(1), channel::bounded(1));
                let (question, answer) = (questions.0.clone(), answers.0);
                executor
                    .spawn(async move {
                        while let Ok(message) = questions.1.recv().await {
                            answer.send(message).await.unwrap();
                        }
                    })
                    .detach();
                executor
                    .spawn(async move {
                        while let Ok(message) = answers.1.recv().await {
                            questions.0.send(message).await.unwrap();
                        }
                    })
                    .detach();
                question.try_send(0).unwrap();
                let spawner = executor.spawner();
                let remote = thread::spawn(move || block_on(spawner.spawn(|| async { 1 })));
                executor.block_on(async {
                    yield_now().await;
                    time::sleep(Duration::from_micros(300)).await;
                    assert_eq!(spawn(async { 2 }).await.unwrap(), 2);
                    while !remote.is_finished() {
                        yield_now().await;
                    }
                });
                assert_eq!(remote.join().unwrap().unwrap(), 1);
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);
