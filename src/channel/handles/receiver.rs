//! The receiving handle of a channel, for either flavor. It passes calls on to `ends` and `steps`.

/// Makes `Receiver`.
macro_rules! receiver {
    ($flavor:ty, $module:literal) => {
        /// The receiving handle of a channel. A clone is another handle of the same channel, and
        /// each message goes to one of them.
        ///
        /// When the last one is dropped the channel is closed, and what is in the queue is dropped.
        ///
        /// It is a [`Stream`] of the messages, which ends when the channel is closed and empty, and
        /// a [`FusedStream`]: after the end there is no message any more. A stream that has once
        /// been pending counts as waiting until it is polled again or dropped, with what
        /// [`recv`](Receiver::recv) says of one that is woken and not polled.
        pub struct Receiver<T> {
            end: RecvEnd<T, $flavor>,
            /// Where the stream waits.
            place: RecvPlace,
            /// The stream has said so.
            ended: bool,
        }

        impl<T> Receiver<T> {
            /// Receives the next message, and waits for one if there is none. With several
            /// receivers: await it or drop it, do not keep it unpolled.
            ///
            /// A message wakes one of those who wait. If that one is forgotten, or kept and not
            /// polled (as one that is pinned outside of a loop with a `select` may be), the others
            /// sleep on beside the message until something else happens in the channel: another
            /// message is sent, or a receiver that was woken later, or not at all, takes one or
            /// gives up. Then the next is woken. More could be had only by waking all of them for
            /// each message. One receiver alone misses nothing.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, "::{self, RecvError};")]
            ///
            #[doc = concat!("let (sender, receiver) = ", $module, "::bounded(1);")]
            /// wakeline::block_on(async {
            ///     sender.send("last words").await.unwrap();
            ///     drop(sender);
            ///     assert_eq!(receiver.recv().await, Ok("last words"));
            ///     assert_eq!(receiver.recv().await, Err(RecvError));
            /// });
            /// ```
            ///
            /// # Errors
            ///
            /// [`RecvError`](super::RecvError) when the channel is closed, no permit is left, and
            /// everything that was sent has been received.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing. If it has been woken
            /// for a message, another receiver is woken in its stead.
            #[inline]
            pub fn recv(&self) -> Receiving<'_, T> {
                Receiving { step: RecvStep::new(&self.end) }
            }

            /// Receives the next message if there is one.
            ///
            /// # Errors
            ///
            /// [`TryRecvError::Empty`] when there is none yet, [`TryRecvError::Closed`] when there
            /// will be none.
            #[inline]
            pub fn try_recv(&self) -> Result<T, TryRecvError> {
                self.end.try_recv()
            }

            /// Receives the messages that are there, without waiting: those in the queue and those
            /// of waiting senders.
            ///
            /// It gives at most as many as there are at this moment, so that it ends however fast
            /// others send.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, ";")]
            ///
            #[doc = concat!("let (sender, receiver) = ", $module, "::unbounded();")]
            /// (1..4).for_each(|number| sender.try_send(number).unwrap());
            /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2, 3]);
            /// assert_eq!(receiver.drain().next(), None);
            /// ```
            pub fn drain(&self) -> Drain<'_, T> {
                Drain { step: DrainStep::new(&self.end) }
            }

            /// Closes the channel for everyone; returns whether it was open.
            ///
            /// What is in the queue can still be received, and what is sent with a permit. Senders
            /// that wait get their messages back.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, ";")]
            ///
            #[doc = concat!("let (sender, receiver) = ", $module, "::unbounded();")]
            /// sender.try_send(1).unwrap();
            /// receiver.close();
            /// assert_eq!(sender.try_send(2).unwrap_err().into_inner(), 2);
            /// assert_eq!(receiver.try_recv(), Ok(1));
            /// ```
            pub fn close(&self) -> bool {
                self.end.close()
            }

            /// Is the channel closed, so that nothing more will be sent?
            pub fn is_closed(&self) -> bool {
                self.end.is_closed()
            }
        }

        impl<T> Stream for Receiver<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let this = &mut *self;
                let next = ready!(this.end.poll(&mut this.place, cx)).ok();
                this.ended = next.is_none();
                Poll::Ready(next)
            }
        }

        impl<T> FusedStream for Receiver<T> {
            fn is_terminated(&self) -> bool {
                self.ended
            }
        }

        impl<T> Clone for Receiver<T> {
            fn clone(&self) -> Self {
                Self { end: self.end.clone(), place: RecvPlace::new(), ended: false }
            }
        }

        impl<T> Drop for Receiver<T> {
            fn drop(&mut self) {
                self.end.leave(&mut self.place);
            }
        }

        impl<T> fmt::Debug for Receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.end.show("Receiver", f)
            }
        }
    };
}
pub(crate) use receiver;
