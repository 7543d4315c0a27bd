//! A channel for one message, within a thread: a reply, a result, an end.
//!
//! Made by [`local::oneshot`](crate::local::oneshot()). The sender is used up by sending; the
//! receiver is itself the future of the message. Neither can be cloned. Dropping either wakes the
//! other.

crate::channel::handles::oneshot::oneshot! { crate::channel::flavor::OneThread, "local" }
