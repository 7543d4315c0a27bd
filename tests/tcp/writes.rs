//! Writes to a peer that has gone are errors, also where SIGPIPE ends the process; and writes of
//! very many slices come to an end.
#![allow(unsafe_code)]

use super::*;

use std::ffi::c_int;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;

use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::support::{assert_passed, is_child, run_in_child};

#[allow(clashing_extern_declarations)]
unsafe extern "C" {
    safe fn signal(number: c_int, handler: usize) -> usize;
}

const SIGPIPE: c_int = 13;
/// `SIG_DFL`: what programs find that are not Rust's, and what a Rust program may go back to.
const DEFAULT: usize = 0;

#[track_caller]
fn assert_broken(written: io::Result<usize>) {
    assert_eq!(written.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Every way in which bytes go out.
async fn write_in_every_way(stream: &mut TcpStream) {
    let slices = [IoSlice::new(b"a"), IoSlice::new(b"b")];
    assert_broken(stream.write(b"x").await);
    assert_broken(stream.write_vectored(&slices).await);
    assert_broken((&*stream).write(b"x").await);
    assert_broken((&*stream).write_vectored(&slices).await);
    let (_, mut write) = stream.split();
    assert_broken(write.write(b"x").await);
    assert_broken(write.write_vectored(&slices).await);
    let mut stream = Pin::new(stream);
    assert_broken(poll_fn(|cx| hyper::rt::Write::poll_write(stream.as_mut(), cx, b"x")).await);
    assert_broken(poll_fn(|cx| hyper::rt::Write::poll_write_vectored(stream.as_mut(), cx, &slices)).await);
}

#[test]
fn no_write_raises_sigpipe() {
    if !is_child() {
        assert_passed(&run_in_child("tcp::writes::no_write_raises_sigpipe"));
        return;
    }
    signal(SIGPIPE, DEFAULT);
    run(async {
        // This side has ended the writing; the peer has reset; the stream was made by std, or
        // accepted.
        let (mut stream, _other) = pair().await;
        stream.shutdown(Shutdown::Write).unwrap();
        write_in_every_way(&mut stream).await;
        let (mut read, mut write) = stream.into_split();
        assert_broken(write.write_vectored(&[IoSlice::new(b"x")]).await);
        drop(write);
        let _ = futures_lite::future::poll_once(read.read(&mut [0])).await;

        let (mut stream, other) = pair().await;
        reset(other);
        assert!(stream.read(&mut [0]).await.is_err());
        write_in_every_way(&mut stream).await;

        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        for mut stream in [accepted, TcpStream::from_std(client).unwrap()] {
            stream.shutdown(Shutdown::Write).unwrap();
            write_in_every_way(&mut stream).await;
        }
    });
}

// The system takes some thousand slices at most in one call: fewer bytes than were asked for are no
// sign of a full socket then.
#[test]
fn more_slices_than_one_call_takes_are_written_and_read_to_the_end() {
    const COUNT: usize = 10_000;
    run(async {
        let (mut stream, mut other) = pair().await;
        let sent = pattern(4, COUNT);
        let mut rest: Vec<_> = sent.chunks(1).map(IoSlice::new).collect();
        while !rest.is_empty() {
            let count = stream.write_vectored(&rest).await.unwrap();
            rest.drain(..count);
        }
        let mut got = vec![0; COUNT];
        other.read_exact(&mut got).unwrap();
        assert!(got == sent);

        other.write_all(&sent).unwrap();
        let mut back = vec![0; COUNT];
        let mut done = 0;
        while done < COUNT {
            let mut buffers: Vec<_> = back[done..].chunks_mut(1).map(IoSliceMut::new).collect();
            done += stream.read_vectored(&mut buffers).await.unwrap();
        }
        assert!(back == sent);
    });
}
