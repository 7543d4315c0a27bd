//! What is awaited at the handles of a channel, and what a reservation gives, for either flavor.
//! They pass calls on to `steps`.

/// The public future of a step. The step is moved, never pinned.
macro_rules! future_of {
    ($(#[$doc:meta])* $name:ident, $step:ident, $flavor:ty, $output:ty $(, $map:expr)?) => {
        $(#[$doc])*
        #[must_use = "futures do nothing until they are awaited"]
        pub struct $name<'a, T> {
            step: $step<'a, T, $flavor>,
        }

        impl<'a, T> Future for $name<'a, T> {
            type Output = $output;

            #[inline(always)]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.step.poll(cx)$(.map($map))?
            }
        }

        impl<T> FusedFuture for $name<'_, T> {
            fn is_terminated(&self) -> bool {
                self.step.is_terminated()
            }
        }

        impl<T> Unpin for $name<'_, T> {}

        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("terminated", &self.is_terminated()).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use future_of;

/// Makes `Sending`, `Reserving`, `Closed`, `Receiving`, `SendPermit` and `Drain`.
macro_rules! futures {
    ($flavor:ty, $module:literal) => {
        $crate::channel::handles::futures::future_of! {
            /// The future of [`Sender::send`](super::Sender::send).
            ///
            /// # Panics
            ///
            /// Polling it again after it has been ready panics.
            Sending, SendStep, $flavor, Result<(), SendError<T>>
        }

        $crate::channel::handles::futures::future_of! {
            /// The future of [`Sender::reserve`](super::Sender::reserve).
            ///
            /// # Panics
            ///
            /// Polling it again after it has been ready panics.
            Reserving, ReserveStep, $flavor, Result<SendPermit<'a, T>, SendError<()>>,
            |reserved| reserved.map(|room| SendPermit { room })
        }

        $crate::channel::handles::futures::future_of! {
            /// The future of [`Sender::closed`](super::Sender::closed). Once ready it stays ready.
            Closed, CloseStep, $flavor, ()
        }

        $crate::channel::handles::futures::future_of! {
            /// The future of [`Receiver::recv`](super::Receiver::recv).
            ///
            /// # Panics
            ///
            /// Polling it again after it has been ready panics.
            Receiving, RecvStep, $flavor, Result<T, RecvError>
        }

        /// The room of one message, made by [`Sender::reserve`](super::Sender::reserve): a send
        /// that cannot fail and does not wait.
        ///
        /// Dropping it gives the room to the next who waits for some. One that is forgotten, by
        /// [`std::mem::forget`] for instance, keeps its room for ever: the capacity is smaller by
        /// one, and after a close the receivers go on waiting for its message.
        #[must_use = "a permit that is dropped gives its room back"]
        pub struct SendPermit<'a, T> {
            room: Room<'a, T, $flavor>,
        }

        impl<T> SendPermit<'_, T> {
            /// Sends a message into the room that was reserved.
            ///
            /// The message is in the queue when this returns, behind those that were sent before. A
            /// close does not keep it out: it is received also when the channel has been closed
            /// since the reservation. Only if all receivers have gone, or go before they have come
            /// to it, it is dropped, as every message in the queue is.
            ///
            /// # Examples
            ///
            /// ```
            /// # wakeline::block_on(async {
            #[doc = concat!("let (sender, receiver) = wakeline::", $module, "::bounded(1);")]
            /// let permit = sender.reserve().await?;
            /// receiver.close();
            /// permit.send("in time");
            /// assert_eq!(receiver.recv().await, Ok("in time"));
            /// assert!(receiver.recv().await.is_err());
            #[doc = concat!("# Ok::<(), wakeline::", $module, "::SendError<()>>(())")]
            /// # }).unwrap();
            /// ```
            pub fn send(self, message: T) {
                self.room.send(message);
            }
        }

        impl<T> fmt::Debug for SendPermit<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("SendPermit").finish_non_exhaustive()
            }
        }

        /// The messages that were there, made by [`Receiver::drain`](super::Receiver::drain). What
        /// it has not given stays in the channel.
        #[must_use = "messages are received as the iterator is asked for them"]
        pub struct Drain<'a, T> {
            step: DrainStep<'a, T, $flavor>,
        }

        impl<T> Iterator for Drain<'_, T> {
            type Item = T;

            fn next(&mut self) -> Option<T> {
                self.step.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (0, Some(self.step.left()))
            }
        }

        impl<T> FusedIterator for Drain<'_, T> {}

        impl<T> fmt::Debug for Drain<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Drain").field("left", &self.step.left()).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use futures;
