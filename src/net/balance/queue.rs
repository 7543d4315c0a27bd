//! A queue between cores — owns what waits and who waits — must never wake with the lock held.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::task::{Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug)]
struct State<T> {
    messages: VecDeque<T>,
    waiting: Vec<Waker>,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Mutex<State<T>>>);
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Mutex<State<T>>>);
pub(super) struct Closed<T>(T);

impl<T> Closed<T> {
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

pub(super) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State { messages: VecDeque::new(), waiting: Vec::new(), closed: false }));
    (Sender(Arc::clone(&state)), Receiver(state))
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Sender<T> {
    pub(super) fn try_send(&self, message: T) -> Result<(), Closed<T>> {
        let mut state = lock(&self.0);
        if state.closed {
            return Err(Closed(message));
        }
        state.messages.push_back(message);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(super) async fn recv(&self) -> Result<T, ()> {
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut state = lock(&self.0);
            match state.messages.pop_front() {
                Some(message) => Poll::Ready(Ok(message)),
                None if state.closed => Poll::Ready(Err(())),
                None => {
                    state.waiting.push(waker);
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub(super) fn try_recv(&self) -> Result<T, ()> {
        lock(&self.0).messages.pop_front().ok_or(())
    }

    pub(super) fn close(&self) {
        lock(&self.0).closed = true;
    }
}
