//! A channel for one message, between threads: a reply, a result, an end.
//!
//! Made by [`channel::oneshot`](crate::channel::oneshot()). The sender is used up by sending; the
//! receiver is itself the future of the message. Neither can be cloned. Dropping either wakes the
//! other.

pub(crate) mod halves;

super::handles::oneshot::oneshot! { super::flavor::Threads, "channel" }
