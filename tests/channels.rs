//! Channels: of many messages and of one, between threads and within one, and what one thread has
//! besides.

mod completion;

mod event;

mod fairness;

mod kinds;

mod oneshot;

mod permits;

mod semaphore;

mod threads;

mod unwinding;

mod wakers;

mod waiting;

use wakeline::{channel, local};

const fn is_send_and_sync<T: Send + Sync>() {}

/// RC7, CH6, RC19: what is promised to threads, for messages that may travel but not be shared.
#[test]
fn what_may_cross_threads_is_known_to_the_compiler() {
    type Message = std::cell::Cell<u8>;
    is_send_and_sync::<channel::Sender<Message>>();
    is_send_and_sync::<channel::Receiver<Message>>();
    is_send_and_sync::<channel::oneshot::Sender<Message>>();
    is_send_and_sync::<channel::oneshot::Receiver<Message>>();
    is_send_and_sync::<channel::Receiving<'static, Message>>();
    is_send_and_sync::<channel::Sending<'static, u8>>();
    is_send_and_sync::<channel::Reserving<'static, Message>>();
    is_send_and_sync::<channel::SendPermit<'static, Message>>();
    is_send_and_sync::<channel::Closed<'static, Message>>();
    is_send_and_sync::<channel::Drain<'static, Message>>();
    is_send_and_sync::<channel::oneshot::Closed<'static, Message>>();
    is_send_and_sync::<channel::SendError<u8>>();
}

/// Chosen by the compiler only where a type is neither `Send` nor `Sync`; else the call is
/// ambiguous and the test does not compile.
macro_rules! stays_on_its_thread {
    ($($type:ty),*) => {$({
        trait Ambiguous<A> { fn check() {} }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct IsSend;
        impl<T: ?Sized + Send> Ambiguous<IsSend> for T {}
        struct IsSync;
        impl<T: ?Sized + Sync> Ambiguous<IsSync> for T {}
        <$type as Ambiguous<_>>::check();
    })*};
}

/// RC7: the other direction.
#[test]
fn what_belongs_to_one_thread_stays_there() {
    type Shared = std::rc::Rc<u8>;
    stays_on_its_thread!(local::Sender<u8>, local::Receiver<u8>, local::oneshot::Sender<u8>, local::oneshot::Receiver<u8>);
    stays_on_its_thread!(local::Sending<'static, u8>, local::Receiving<'static, u8>, local::oneshot::Closed<'static, u8>);
    stays_on_its_thread!(
        local::Reserving<'static, u8>,
        local::SendPermit<'static, u8>,
        local::Closed<'static, u8>,
        local::Drain<'static, u8>
    );
    stays_on_its_thread!(local::Event, local::EventWait<'static>, local::Semaphore, local::Acquire<'static>, local::Permit);
    stays_on_its_thread!(channel::Sender<Shared>, channel::Receiver<Shared>, channel::oneshot::Receiver<Shared>);
}

#[test]
fn errors_say_what_happened_and_need_no_printable_message() {
    struct Silent;
    let (sender, receiver) = channel::bounded(1);
    sender.try_send(Silent).unwrap();
    let full = sender.try_send(Silent).unwrap_err();
    assert_eq!(
        (full.to_string().as_str(), format!("{full:?}").as_str()),
        ("the message was not sent: the channel is full", "Full(..)")
    );
    assert!(full.is_full() && !full.is_closed());
    drop(receiver);
    let closed = sender.try_send(full.into_inner()).unwrap_err();
    assert_eq!(closed.to_string(), "the message was not sent: the channel is closed");
    assert!(closed.is_closed());
    let lost = wakeline::block_on(sender.send(Silent)).unwrap_err();
    assert_eq!(format!("{lost:?}: {lost}"), "SendError(..): the message was not sent: the channel is closed");
    let Silent = lost.into_inner();

    let (sender, receiver) = local::unbounded::<Silent>();
    let empty = receiver.try_recv().map(drop).unwrap_err();
    assert_eq!(empty.to_string(), "the channel is empty");
    drop(sender);
    let over = wakeline::block_on(receiver.recv()).map(drop).unwrap_err();
    let error: Box<dyn std::error::Error + Send + Sync> = over.into();
    assert_eq!(error.to_string(), "the channel is closed and empty");
    assert_eq!(channel::TryRecvError::from(over), receiver.try_recv().map(drop).unwrap_err());
}

#[test]
fn handles_show_what_is_in_the_channel() {
    let (sender, receiver) = channel::bounded(3);
    sender.try_send(1).unwrap();
    assert_eq!(format!("{sender:?}"), "Sender { len: 1, capacity: Some(3), closed: false }");
    sender.close();
    assert_eq!(format!("{receiver:?}"), "Receiver { len: 1, capacity: Some(3), closed: true }");
    let (_sender, receiver) = local::unbounded::<u8>();
    assert_eq!(format!("{receiver:?}"), "Receiver { len: 0, capacity: None, closed: false }");
    let (sender, receiver) = local::oneshot::<u8>();
    assert_eq!(format!("{receiver:?}"), "Receiver { closed: false }");
    drop(receiver);
    assert_eq!(format!("{sender:?}"), "Sender { closed: true }");
}
