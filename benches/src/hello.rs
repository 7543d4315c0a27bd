//! The hello of the HTTP bench — owns the request, the answer and the service between them —
//! must never know which server asks.
//!
//! The service is one function and hyper's connection one set of options for every server, so that
//! what differs between two of them is what lies under hyper: sockets, timers, wakes and
//! scheduling.

use std::convert::Infallible;
use std::ops::Range;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::{Request, Response};

use crate::load::{Talk, Verdict};

const BODY: &str = "Hello, world!\n";

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";

/// What has to come back; in the date, `9` stands for any digit and `a` for any letter.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 14\r\n\
    date: aaa, 99 aaa 9999 99:99:99 GMT\r\n\r\nHello, world!\n";
const DATE: &[u8] = b"aaa, 99 aaa 9999 99:99:99 GMT";

/// Says hello, whatever is asked.
pub async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut answer = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(answer)
}

/// hyper's options, the same for every server but for the clock that counts a header's time: that
/// of the server's own runtime.
pub fn options(timer: impl hyper::rt::Timer + Send + Sync + 'static) -> http1::Builder {
    let mut options = http1::Builder::new();
    options.timer(timer);
    options
}

/// The client's side: one request, one answer, over and over.
pub struct Hello {
    /// Where in the answer the date stands.
    date: Range<usize>,
}

impl Hello {
    /// The same for every connection.
    pub fn new() -> Self {
        let at = ANSWER.windows(DATE.len()).position(|part| part == DATE).expect("an answer has a date");
        Self { date: at..at + DATE.len() }
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self::new()
    }
}

impl Talk for Hello {
    const REQUEST: usize = REQUEST.len();
    /// A byte more than there should be, so that one too many is seen.
    const ANSWER: usize = ANSWER.len() + 1;

    fn request(&self, _: usize, _: u32, into: &mut [u8]) -> usize {
        into.copy_from_slice(REQUEST);
        REQUEST.len()
    }

    fn judge(&self, _: usize, _: u32, answer: &[u8]) -> Verdict {
        if answer.len() > ANSWER.len() {
            return Verdict::Wrong;
        }
        // A shorter answer is compared as far as it goes.
        let as_far = |part: Range<usize>| part.start.min(answer.len())..part.end.min(answer.len());
        let [status, date, rest] = [0..self.date.start, self.date.clone(), self.date.end..ANSWER.len()].map(as_far);
        let stands_for = |(&byte, &pattern): (&u8, &u8)| match pattern {
            b'9' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            itself => byte == itself,
        };
        let dated = answer[date.clone()].iter().zip(&ANSWER[date]).all(stands_for);
        let same = |part: Range<usize>| answer[part.clone()] == ANSWER[part];
        match same(status) && dated && same(rest) {
            false => Verdict::Wrong,
            true if answer.len() == ANSWER.len() => Verdict::Right,
            true => Verdict::Incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 14\r\n\
        date: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\nHello, world!\n";

    #[test]
    fn an_answer_is_right_when_it_is_whole_and_incomplete_before() {
        for length in 0..GOOD.len() {
            assert_eq!(Hello::new().judge(0, 0, &GOOD[..length]), Verdict::Incomplete, "after {length} bytes");
        }
        assert_eq!(Hello::new().judge(0, 0, GOOD), Verdict::Right);
    }

    #[test]
    fn any_wrong_byte_and_one_too_many_are_seen() {
        for at in 0..GOOD.len() {
            let mut wrong = GOOD.to_vec();
            wrong[at] ^= 0x80;
            assert_eq!(Hello::new().judge(0, 0, &wrong), Verdict::Wrong, "byte {at}");
            assert_eq!(Hello::new().judge(0, 0, &wrong[..=at]), Verdict::Wrong, "byte {at} as the last one so far");
        }
        let longer = [GOOD, b"\n"].concat();
        assert_eq!(Hello::new().judge(0, 0, &longer), Verdict::Wrong);
    }
}
