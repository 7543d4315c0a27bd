//! Every order of what the two ends of a oneshot can do, beside a model.

use std::task::Waker;

use super::*;

/// A waker that is a letter: `R`eceiver or `S`ender.
#[derive(Debug, PartialEq, Eq)]
struct LetteredWaker(char);

std::thread_local! {
    static POLLED: std::cell::Cell<char> = const { std::cell::Cell::new(' ') };
}

impl KeptWaker for LetteredWaker {
    fn keep_quietly(_: &Waker) -> Option<Self> {
        // The receiver's is foreign.
        (POLLED.get() != 'R').then(|| LetteredWaker(POLLED.get()))
    }

    fn keep(_: &Waker) -> Self {
        LetteredWaker(POLLED.get())
    }

    fn will_wake(&self, _: &Waker) -> bool {
        self.0 == POLLED.get()
    }

    fn wake(self) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Send,
    AwaitClose,
    RemoveSender,
    Receive,
    TryReceive,
    Close,
    RemoveReceiver,
}

const STEPS: [Step; 7] =
    [Step::Send, Step::AwaitClose, Step::RemoveSender, Step::Receive, Step::TryReceive, Step::Close, Step::RemoveReceiver];

/// What should be in a slot.
#[derive(Default)]
struct OneshotModel {
    message: bool,
    closed: bool,
    receiver_waits: bool,
    sender_waits: bool,
    sender_gone: bool,
    receiver_gone: bool,
}

impl OneshotModel {
    fn allows(&self, step: Step) -> bool {
        match step {
            Step::Send | Step::AwaitClose | Step::RemoveSender => !self.sender_gone,
            _ => !self.receiver_gone,
        }
    }

    /// The waker of the one who waits, at the end of its wait.
    fn receiver(&mut self) -> Option<LetteredWaker> {
        mem::take(&mut self.receiver_waits).then_some(LetteredWaker('R'))
    }

    fn sender(&mut self) -> Option<LetteredWaker> {
        mem::take(&mut self.sender_waits).then_some(LetteredWaker('S'))
    }

    fn step(&mut self, slot: &mut State<u8, LetteredWaker>, step: Step) {
        match step {
            Step::Send => {
                self.sender_gone = true;
                let expected = if mem::replace(&mut self.closed, true) { Err(7) } else { Ok(self.receiver()) };
                self.message |= expected.is_ok();
                assert_eq!(slot.send(7), expected);
                // As the half does: its own wait ends with it.
                assert_eq!(slot.sender.take(), self.sender());
            }
            Step::AwaitClose => match wait('S', |offer| slot.await_close(offer)) {
                Some(((), left)) => assert!(self.closed && left == self.sender()),
                None => {
                    assert!(!self.closed);
                    self.sender_waits = true;
                }
            },
            Step::RemoveSender => {
                self.sender_gone = true;
                self.closed = true;
                assert_eq!(slot.remove_sender(), [self.receiver(), self.sender()]);
            }
            Step::Receive => match wait('R', |offer| slot.receive(offer)) {
                Some((received, left)) => {
                    assert_eq!(received, if mem::take(&mut self.message) { Ok(7) } else { Err(RecvError) });
                    assert!(self.closed && left == self.receiver());
                }
                None => {
                    assert!(!self.closed && !self.message);
                    self.receiver_waits = true;
                }
            },
            Step::TryReceive => {
                let left = if self.closed { self.receiver() } else { None };
                assert_eq!(slot.try_receive(), (mem::take(&mut self.message).then_some(7), self.closed, left));
            }
            Step::Close => {
                let was_open = !mem::replace(&mut self.closed, true);
                assert_eq!(slot.close(), (was_open, self.sender()));
            }
            Step::RemoveReceiver => {
                (self.receiver_gone, self.closed) = (true, true);
                let message = mem::take(&mut self.message).then_some(7);
                assert_eq!(slot.remove_receiver(), (message, [self.sender(), self.receiver()]));
            }
        }
        assert_eq!((slot.message.is_some(), slot.closed), (self.message, self.closed), "after {step:?}");
        assert_eq!((slot.receiver.is_some(), slot.sender.is_some()), (self.receiver_waits, self.sender_waits), "after {step:?}");
    }
}

/// Polls under a name, until it is ready or waits.
fn wait<F>(
    name: char,
    mut step: impl FnMut(&mut Offer<'_, LetteredWaker>) -> Found<F, LetteredWaker>,
) -> Option<(F, Option<LetteredWaker>)> {
    POLLED.set(name);
    let mut offer = Offer::new(Waker::noop());
    loop {
        match step(&mut offer) {
            Found::Ready(found, left) => return Some((found, left)),
            Found::Waits(old) => {
                assert_eq!(old, None);
                return None;
            }
            Found::Prepare => offer.prepare(),
        }
    }
}

/// CH1, JC12.
#[test]
fn every_order_of_six_steps_does_what_the_model_does() {
    let steps = if cfg!(miri) { 3 } else { 6 };
    let orders = STEPS.len().pow(steps);
    for order in 0..orders {
        let (mut slot, mut model) = (State::<u8, LetteredWaker>::new(), OneshotModel::default());
        for place in 0..steps {
            let step = STEPS[order / STEPS.len().pow(place) % STEPS.len()];
            if model.allows(step) {
                model.step(&mut slot, step);
            }
        }
    }
}
