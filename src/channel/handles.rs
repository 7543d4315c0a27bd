//! The public types of a channel, written once for both flavors. They pass calls on, no more.
//!
//! The macros in here make the types of one flavor in the module that calls them. `$module` is the
//! public module that hands them on, for the examples.
//!
//! Rejected: one generic type with two aliases (an alias has a page without methods, and the flavor
//! would be a public name); generic types in thin public ones (each method and its page would still
//! be written twice).

pub(crate) mod futures;

pub(crate) mod oneshot;

pub(crate) mod receiver;

pub(crate) mod sender;

/// Makes `bounded`, `unbounded` and all types of a channel for many messages.
macro_rules! many {
    ($flavor:ty, $module:literal) => {
        use std::fmt;
        use std::iter::FusedIterator;
        use std::pin::Pin;
        use std::task::{Context, Poll, ready};

        use futures_core::{FusedFuture, FusedStream, Stream};

        use $crate::channel::ends::{self, ChannelEnd, RecvEnd, RecvPlace, Room, SendEnd};
        use $crate::channel::steps::{CloseStep, DrainStep, RecvStep, ReserveStep, SendStep};
        use $crate::channel::{RecvError, SendError, TryRecvError, TrySendError};

        $crate::channel::handles::sender::sender! { $flavor, $module }
        $crate::channel::handles::receiver::receiver! { $flavor, $module }
        $crate::channel::handles::futures::futures! { $flavor, $module }
        $crate::channel::handles::measures! { Sender, Receiver }

        /// A channel for at most `capacity` messages at a time.
        ///
        /// With a capacity of zero it is a rendezvous: a send waits until a receiver has taken the
        /// message. Memory is taken as messages come, so that a capacity of `usize::MAX` costs
        /// nothing. Room for 1024 messages is kept; what a burst took beyond that is given back
        /// when the channel is empty again.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use wakeline::", $module, ";")]
        ///
        /// wakeline::block_on(async {
        #[doc = concat!("    let (sender, receiver) = ", $module, "::bounded(2);")]
        ///     sender.send("one").await.unwrap();
        ///     sender.send("two").await.unwrap();
        ///     assert!(sender.try_send("three").unwrap_err().is_full());
        ///     assert_eq!(receiver.recv().await, Ok("one"));
        /// });
        /// ```
        pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
            handles(Some(capacity))
        }

        /// A channel for any number of messages: a send never waits.
        ///
        /// Where the source can be faster than the sink for long, prefer [`bounded`]: this one then
        /// grows until memory ends.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use wakeline::", $module, ";")]
        ///
        #[doc = concat!("let (sender, receiver) = ", $module, "::unbounded();")]
        /// for number in 0..3 {
        ///     sender.try_send(number).unwrap();
        /// }
        /// assert_eq!(receiver.len(), 3);
        /// assert_eq!(wakeline::block_on(receiver.recv()), Ok(0));
        /// ```
        pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
            handles(None)
        }

        fn handles<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = ends::ends(capacity);
            (Sender { end: sender }, Receiver { end: receiver, place: RecvPlace::new(), ended: false })
        }
    };
}
pub(crate) use many;

/// What both handles say of the queue.
macro_rules! measures {
    ($($handle:ident),*) => {$(
        /// How full the channel is.
        impl<T> $handle<T> {
            /// How many messages are in the queue; those of waiting senders are not.
            pub fn len(&self) -> usize {
                self.end.len()
            }

            /// Is the queue empty?
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many messages there may be in the queue; `None` if any number.
            pub fn capacity(&self) -> Option<usize> {
                self.end.capacity()
            }
        }
    )*};
}
pub(crate) use measures;
