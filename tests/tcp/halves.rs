//! The two halves of a stream, borrowed and owned.

use super::*;

use std::io::ErrorKind;

use futures_lite::{AsyncReadExt, AsyncWriteExt};

#[test]
fn borrowed_halves_read_and_write_at_once_in_one_task() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let echo = peer(move || io::copy(&mut other.try_clone().unwrap(), &mut other).unwrap());
        let sent = pattern(3, 1 << 20);
        let mut back = vec![0; sent.len()];
        let (mut read, mut write) = stream.split();
        let sending = async {
            write.write_all(&sent).await?;
            write.close().await
        };
        let (sending, receiving) = futures_lite::future::zip(sending, read.read_exact(&mut back)).await;
        sending.and(receiving).unwrap();
        assert!(back == sent);
        echo.join().unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the halves are gone, the stream is whole");
    });
}

#[test]
fn dropping_the_write_half_ends_the_writing_side_and_no_more() {
    run(async {
        let (stream, mut other) = pair().await;
        let (mut read, write) = stream.into_split();
        drop(write);
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
        other.write_all(b"still there").unwrap();
        drop(other);
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "still there");
    });
}

#[test]
fn a_forgotten_write_half_leaves_the_writing_side_open() {
    run(async {
        let (stream, mut other) = pair().await;
        let (read, write) = stream.into_split();
        write.forget();
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(read);
        other.set_nonblocking(false).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn halves_of_one_stream_go_together_again_and_others_do_not() {
    run(async {
        let (stream, mut other) = pair().await;
        let (second, _second_other) = pair().await;
        let local = stream.local_addr().unwrap();
        let (read, write) = stream.into_split();
        let (second_read, second_write) = second.into_split();
        let error = read.reunite(second_write).unwrap_err();
        assert!(error.to_string().contains("different streams"));
        let mut stream = write.reunite(error.0).unwrap();
        assert_eq!(stream.local_addr().unwrap(), local);
        drop((second_read, error.1));
        stream.write_all(b"whole").await.unwrap();
        let mut got = [0; 5];
        other.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"whole");
    });
}
