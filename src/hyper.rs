//! hyper on this crate, with the feature `hyper`: version 1, HTTP/1 and HTTP/2, servers and
//! clients.
//!
//! - [`TcpStream`](crate::net::TcpStream) implements [`hyper::rt::Read`] and [`hyper::rt::Write`],
//!   so it goes into hyper as it is; no byte is copied on the way.
//! - [`Executor`] spawns on this thread what hyper wants to run in the background. HTTP/2 asks for
//!   it.
//! - [`Timer`] lends hyper this thread's timers, for its timeouts.
//!
//! Services and their futures need not be `Send`.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::Full;
//! use hyper::body::Bytes;
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use wakeline::net::TcpListener;
//!
//! async fn hello(_: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new(Full::from("hello")))
//! }
//!
//! async fn serve(listener: TcpListener) -> std::io::Result<()> {
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         let mut http = http1::Builder::new();
//!         http.timer(wakeline::hyper::Timer::new());
//!         wakeline::spawn(http.serve_connection(stream, service_fn(hello))).detach();
//!     }
//! }
//! # let serving = async { serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).await };
//! # let limit = std::time::Duration::ZERO;
//! # wakeline::block_on(async { drop(wakeline::time::timeout(limit, serving).await) });
//! ```
//!
//! # Limits
//!
//! What asks for `Send` does not go with a socket that stays on its thread: `with_upgrades` of
//! hyper's HTTP/1 connections.
//!
//! # Panics
//!
//! [`Executor`] and [`Timer`] panic where they need an executor of this crate and none is entered.
//! What the sockets do is said in [`net`](crate::net).

// Rejected: a wrapper type around streams, as other runtimes' adapters have it: the traits can be
// implemented here, so there is nothing to wrap. A wrapper that claims to be `Send` around our own
// `Sleep`: hyper asks its timers to be, and one that is carried to another thread would touch the
// wheel of the first.

#[allow(unsafe_code)]
mod stream;

mod executor;
mod returns;
mod timer;

pub use executor::Executor;
pub use timer::Timer;
