//! The sending handle of a channel, for either flavor. It passes calls on to `ends` and `steps`.

/// Makes `Sender`.
macro_rules! sender {
    ($flavor:ty, $module:literal) => {
        /// The sending handle of a channel. A clone is another handle of the same channel. When the
        /// last one is dropped the channel is closed.
        pub struct Sender<T> {
            end: SendEnd<T, $flavor>,
        }

        impl<T> Sender<T> {
            /// Sends a message, and waits for room if there is none; in a rendezvous, until a
            /// receiver has taken it.
            ///
            /// Senders that wait are served in the order in which they were first polled. A send
            /// that waits has its message in the channel's line already. So one that loses a
            /// `select` or a timeout may be delivered all the same, in the time between its last
            /// poll and its drop; use [`reserve`](Sender::reserve) where that matters.
            ///
            /// # Examples
            ///
            /// ```
            /// # wakeline::block_on(async {
            #[doc = concat!("let (sender, receiver) = wakeline::", $module, "::bounded(1);")]
            /// sender.send(7).await?;
            /// assert_eq!(receiver.recv().await, Ok(7));
            #[doc = concat!("# Ok::<(), wakeline::", $module, "::SendError<i32>>(())")]
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`SendError`](super::SendError) with the message in it when the channel is closed,
            /// or gets closed before there is room.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has either delivered the message or
            /// drops it, and nobody is told which. A [`reserve`](Sender::reserve) that is dropped
            /// delivers nothing, and a [`try_send`](Sender::try_send) that fails gives the message
            /// back.
            #[inline]
            pub fn send(&self, message: T) -> Sending<'_, T> {
                Sending { step: SendStep::new(&self.end, message) }
            }

            /// Reserves room for a message, and waits for it if there is none: the [`SendPermit`]
            /// then sends without waiting and cannot fail.
            ///
            /// It waits in one line with the senders. A permit counts as a message in the queue
            /// until it is used or dropped. In a rendezvous it is granted when a receiver waits
            /// and nothing else is on its way to it, as for [`try_send`](Sender::try_send).
            ///
            /// # Examples
            ///
            /// Nothing is sent, and nothing is lost, when the other branch is quicker:
            ///
            /// ```
            /// use futures_lite::future;
            #[doc = concat!("use wakeline::", $module, ";")]
            ///
            /// # wakeline::block_on(async {
            #[doc = concat!("let (sender, receiver) = ", $module, "::bounded(1);")]
            /// sender.send("first").await.unwrap();
            /// let reserves = async { sender.reserve().await.ok() };
            /// let permit = future::or(reserves, async { None }).await;
            /// assert!(permit.is_none());
            /// assert_eq!(receiver.recv().await, Ok("first"));
            /// assert!(receiver.try_recv().is_err());
            /// # });
            /// ```
            ///
            /// # Errors
            ///
            /// [`SendError`](super::SendError) when the channel is closed, or gets closed before
            /// there is room.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has delivered nothing. It gives up its place in the line,
            /// and room that it was given goes to the next.
            pub fn reserve(&self) -> Reserving<'_, T> {
                Reserving { step: ReserveStep::new(&self.end) }
            }

            /// Reserves room for a message if there is some.
            ///
            /// # Errors
            ///
            /// [`TrySendError`] when there is no room, or the channel is closed.
            pub fn try_reserve(&self) -> Result<SendPermit<'_, T>, TrySendError<()>> {
                self.end.try_reserve().map(|room| SendPermit { room })
            }

            /// Sends a message if that can be done at once.
            ///
            /// Into a rendezvous it can when a receiver waits, no other message is on its way to
            /// it, and no sender waits. Should that receiver go away before it has taken the
            /// message, the next one gets it.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, "::{self, TrySendError};")]
            ///
            #[doc = concat!("let (sender, receiver) = ", $module, "::bounded(0);")]
            /// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
            /// receiver.close();
            /// assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
            /// ```
            ///
            /// # Errors
            ///
            /// [`TrySendError`] with the message in it when there is no room, or the channel is
            /// closed.
            #[inline]
            pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
                self.end.try_send(message)
            }

            /// Closes the channel for everyone; returns whether it was open.
            ///
            /// What is in the queue can still be received, and what is sent with a permit. Senders
            /// that wait get their messages back.
            pub fn close(&self) -> bool {
                self.end.close()
            }

            /// Waits until the channel is closed, for instance because its receivers have gone, so
            /// that work for them can be given up.
            ///
            /// # Examples
            ///
            /// ```
            /// # wakeline::block_on(async {
            #[doc = concat!("let (sender, receiver) = wakeline::", $module, "::bounded::<u8>(1);")]
            /// wakeline::spawn(async move { drop(receiver) }).detach();
            /// sender.closed().await;
            /// assert!(sender.is_closed());
            /// # });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropping the future changes nothing.
            pub fn closed(&self) -> Closed<'_, T> {
                Closed { step: CloseStep::new(&self.end) }
            }

            /// Is the channel closed, so that every send would fail?
            pub fn is_closed(&self) -> bool {
                self.end.is_closed()
            }
        }

        impl<T> Clone for Sender<T> {
            fn clone(&self) -> Self {
                Self { end: self.end.clone() }
            }
        }

        impl<T> fmt::Debug for Sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.end.show("Sender", f)
            }
        }
    };
}
pub(crate) use sender;
