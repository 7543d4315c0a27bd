//! The handles of a oneshot channel, for either flavor. They pass calls on to the halves.

/// Makes `pair`, `Sender`, `Closed` and `Receiver`.
macro_rules! oneshot {
    ($flavor:ty, $module:literal) => {
        use std::fmt;
        use std::pin::Pin;
        use std::task::{Context, Poll};

        use futures_core::FusedFuture;

        use $crate::channel::oneshot::halves::{RecvHalf, SendHalf, halves};
        use $crate::channel::{RecvError, TryRecvError};

        pub(super) fn pair<T>() -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = halves();
            (Sender { half: sender }, Receiver { half: receiver })
        }

        /// The sending handle of a oneshot channel. Dropping it closes the channel.
        pub struct Sender<T> {
            half: SendHalf<T, $flavor>,
        }

        impl<T> Sender<T> {
            /// Sends the message; never waits.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, ";")]
            ///
            #[doc = concat!("let (sender, receiver) = ", $module, "::oneshot();")]
            /// drop(receiver);
            /// assert_eq!(sender.send("hello"), Err("hello"));
            /// ```
            ///
            /// # Errors
            ///
            /// The message, when the receiver has gone or has closed the channel. A message that
            /// was sent may still meet a receiver that is dropped before it has looked.
            pub fn send(self, message: T) -> Result<(), T> {
                self.half.send(message)
            }

            /// Has the receiver gone, or closed the channel?
            pub fn is_closed(&self) -> bool {
                self.half.is_closed()
            }

            /// Waits until the receiver has gone or has closed the channel, so that work for it can
            /// be given up.
            ///
            /// # Examples
            ///
            /// ```
            /// # wakeline::block_on(async {
            #[doc = concat!("let (mut sender, receiver) = wakeline::", $module, "::oneshot::<u8>();")]
            /// wakeline::spawn(async move { drop(receiver) }).detach();
            /// sender.closed().await;
            /// assert!(sender.is_closed());
            /// # });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropping the future changes nothing.
            pub fn closed(&mut self) -> Closed<'_, T> {
                Closed { sender: self, over: false }
            }

            /// Ready when the receiver has gone or has closed the channel:
            /// [`closed`](Sender::closed) for futures that are written by hand.
            ///
            /// The waker of the last poll stays until the sender has sent or goes.
            pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
                self.half.poll_closed(cx)
            }
        }

        impl<T> fmt::Debug for Sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
            }
        }

        /// The future of [`Sender::closed`]. Once ready it stays ready.
        #[must_use = "futures do nothing until they are awaited"]
        pub struct Closed<'a, T> {
            sender: &'a mut Sender<T>,
            over: bool,
        }

        impl<T> Future for Closed<'_, T> {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                if !self.over {
                    self.over = self.sender.half.poll_closed(cx).is_ready();
                }
                if self.over { Poll::Ready(()) } else { Poll::Pending }
            }
        }

        impl<T> FusedFuture for Closed<'_, T> {
            fn is_terminated(&self) -> bool {
                self.over
            }
        }

        impl<T> Drop for Closed<'_, T> {
            fn drop(&mut self) {
                self.sender.half.stop_waiting();
            }
        }

        impl<T> fmt::Debug for Closed<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Closed").field("sender", &self.sender).finish()
            }
        }

        /// The receiving handle of a oneshot channel, and the future of its message.
        ///
        /// Dropping it closes the channel and drops a message that has arrived. If
        /// [`try_recv`](Receiver::try_recv) has given the message, it says [`RecvError`] when it is
        /// awaited.
        ///
        /// # Errors
        ///
        /// [`RecvError`] when the channel was closed without a message: the sender was dropped, or
        /// [`close`](Receiver::close) came first.
        ///
        /// # Panics
        ///
        /// Polling it again after it has been ready panics.
        ///
        /// # Cancel safety
        ///
        /// Awaiting `&mut receiver` is cancel safe: the message stays until a poll returns it.
        #[must_use = "futures do nothing until they are awaited"]
        pub struct Receiver<T> {
            half: RecvHalf<T, $flavor>,
        }

        impl<T> Receiver<T> {
            /// The message, if it has arrived.
            ///
            /// # Errors
            ///
            /// [`TryRecvError::Empty`] while it may still come, [`TryRecvError::Closed`] when it
            /// will not, or has been given already.
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.half.try_recv()
            }

            /// Closes the channel, so that nothing can be sent any more; returns whether it was
            /// open.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use wakeline::", $module, "::{self, TryRecvError};")]
            ///
            #[doc = concat!("let (sender, mut receiver) = ", $module, "::oneshot();")]
            /// assert!(receiver.close());
            /// assert_eq!(sender.send(1), Err(1));
            /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
            /// ```
            pub fn close(&mut self) -> bool {
                self.half.close()
            }

            /// Will nothing be sent any more? A message that was sent may be waiting.
            pub fn is_closed(&self) -> bool {
                self.half.is_closed()
            }

            /// Is no message there? It may still come, if the channel is not
            /// [closed](Receiver::is_closed).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("let (sender, receiver) = wakeline::", $module, "::oneshot();")]
            /// assert!(receiver.is_empty() && !receiver.is_closed());
            /// sender.send(1).unwrap();
            /// assert!(!receiver.is_empty() && receiver.is_closed());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.half.is_empty()
            }
        }

        impl<T> Future for Receiver<T> {
            type Output = Result<T, RecvError>;

            #[inline]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.half.poll(cx)
            }
        }

        impl<T> FusedFuture for Receiver<T> {
            fn is_terminated(&self) -> bool {
                self.half.is_over()
            }
        }

        impl<T> fmt::Debug for Receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Receiver").field("closed", &self.is_closed()).finish()
            }
        }
    };
}
pub(crate) use oneshot;
