//! hyper on this crate — owns the adapters between hyper's `rt` traits and our sockets, tasks and timers — must never copy a byte, nor ask
//! a service to be `Send`.
//!
//! [`net::TcpStream`](crate::net::TcpStream) implements [`hyper::rt::Read`] and [`hyper::rt::Write`],
//! so it goes into hyper as it is. [`Executor`] spawns on this thread what hyper wants to run in the background, and [`Timer`] lends it this
//! thread's timers. Version 1 of hyper, HTTP/1 and HTTP/2, servers and clients.
//!
//! What asks for `Send` does not go with a socket that stays on its thread: `with_upgrades` of hyper's HTTP/1 connections.
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
//! # wakeline::block_on(async { drop(wakeline::time::timeout(std::time::Duration::ZERO, serving).await) });
//! ```
//!
//! # Rule
//!
//! - \[H1\] **hyper's buffer stays as initialised as it was.** The part of a cursor that is lent out is written by the kernel alone, and it is
//!   advanced by what the kernel says it wrote there.
//!
//! # Rejected
//!
//! A wrapper type around streams, as other runtimes' adapters have it: the traits can be implemented here, so there is nothing to wrap. A
//! wrapper that claims to be `Send` around our own `Sleep`: hyper asks its timers to be, and one that is carried to another thread would touch
//! the wheel of the first.

#[allow(unsafe_code)]
mod stream;

mod executor;
mod returns;
mod timer;

pub use executor::Executor;
pub use timer::Timer;
