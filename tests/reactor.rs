//! How descriptors come and go: registration, reuse of numbers, duplicates, mistakes, forks,
//! signals.
#![cfg(unix)]

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_lite::{AsyncReadExt, future};
use wakeline::io::Async;
use wakeline::{LocalExecutor, block_on, spawn, yield_now};

/// A descriptor known by its number alone, as in code that closes what it does not own.
struct Number(RawFd);

impl AsFd for Number {
    #[allow(unsafe_code)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the tests that use it are about exactly this mistake; the number is only ever
        // handed to the reactor.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// Reads one byte as soon as there is one.
async fn read_byte(stream: &Async<UnixStream>) -> io::Result<u8> {
    let mut byte = [0];
    let mut stream = stream;
    stream.read_exact(&mut byte).await?;
    Ok(byte[0])
}

/// Polls the future until it waits.
async fn poll_until_it_waits(mut future: impl Future + Unpin) {
    assert!(future::poll_once(&mut future).await.is_none(), "it should have had to wait");
}

#[test]
fn a_number_used_again_within_a_batch_gets_no_event_of_its_predecessor() {
    // RE1, RE2: two descriptors become ready at once; the one that is polled first closes the other
    // and opens a new one with its number.
    let reused = Rc::new(Cell::new(false));
    while !reused.get() {
        let reused = reused.clone();
        block_on(async move {
            let pairs: Vec<_> = (0..2).map(|_| UnixStream::pair().unwrap()).collect();
            let (nears, fars): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let sources: Vec<_> = nears.into_iter().map(|near| Some(Async::new(near).unwrap())).collect();
            let sources = Rc::new(RefCell::new(sources));
            let fresh = Rc::new(RefCell::new(None));
            let (quiet_near, mut quiet_far) = UnixStream::pair().unwrap();
            let quiet_near = Rc::new(quiet_near);
            let tasks: Vec<_> = (0..2)
                .map(|index| {
                    let (sources, fresh, quiet_near, reused) =
                        (sources.clone(), fresh.clone(), quiet_near.clone(), reused.clone());
                    spawn(future::poll_fn(move |context| {
                        let mut sources = sources.borrow_mut();
                        let Some(source) = &sources[index] else { return Poll::Ready(()) };
                        std::task::ready!(source.poll_readable(context)).unwrap();
                        let other = sources[1 - index].take().expect("the first to be polled finds both");
                        let number = other.get_ref().as_raw_fd();
                        drop(other);
                        let copy = rustix::io::fcntl_dupfd_cloexec(&*quiet_near, number).unwrap();
                        reused.set(copy.as_raw_fd() == number);
                        *fresh.borrow_mut() = Some(Async::new(UnixStream::from(copy)).unwrap());
                        Poll::Ready(())
                    }))
                })
                .collect();
            yield_now().await;
            for mut far in &fars {
                far.write_all(b"x").unwrap();
            }
            for task in tasks {
                task.await.unwrap();
            }
            let fresh = fresh.borrow_mut().take().unwrap();
            let task = spawn(async move { read_byte(&fresh).await.unwrap() });
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(!task.is_finished());
            quiet_far.write_all(b"y").unwrap();
            assert_eq!(task.await.unwrap(), b'y');
        });
    }
}

#[test]
fn a_duplicate_that_lives_on_sends_no_events_under_the_old_registration() {
    // RE3, RE7: the open file survives the close of the descriptor that was registered, and with it
    // an entry that was not removed.
    block_on(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let copy = near.try_clone().unwrap();
        let first = Async::new(near).unwrap();
        poll_until_it_waits(Box::pin(read_byte(&first))).await;
        drop(first);
        let (quiet, _quiet_far) = UnixStream::pair().unwrap();
        let quiet = Async::new(quiet).unwrap();
        let mut wait = Box::pin(read_byte(&quiet));
        poll_until_it_waits(&mut wait).await;
        far.write_all(b"x").unwrap();
        yield_now().await;
        poll_until_it_waits(&mut wait).await;
        let second = Async::new(copy).unwrap();
        assert_eq!(read_byte(&second).await.unwrap(), b'x');
        poll_until_it_waits(Box::pin(read_byte(&second))).await;
        far.write_all(b"y").unwrap();
        assert_eq!(read_byte(&second).await.unwrap(), b'y');
    });
}

#[test]
fn sources_may_come_and_go_in_any_order() {
    // RE4: grow, shrink to every third, grow again; everybody still hears of its own descriptor and
    // of no other.
    block_on(async {
        let open = |number: usize| {
            let (near, far) = UnixStream::pair().unwrap();
            let near = Async::new(near).unwrap();
            (far, spawn(async move { (read_byte(&near).await.unwrap(), number) }))
        };
        let mut alive: Vec<_> = (0..150).map(open).collect();
        yield_now().await;
        for round in 0..6 {
            let mut index = 0;
            alive.retain(|_| {
                index += 1;
                index % 3 == round % 3
            });
            alive.extend((0..100).map(|number| open(1000 * (round + 1) + number)));
            yield_now().await;
        }
        for (far, task) in alive.iter_mut().rev() {
            far.write_all(b"z").unwrap();
            assert_eq!(task.await.unwrap().0, b'z');
        }
    });
}

#[test]
fn a_descriptor_closed_behind_the_reactor_is_no_catastrophe() {
    // RE6
    block_on(async {
        let (near, _far) = UnixStream::pair().unwrap();
        let source = Async::new(Number(near.as_raw_fd())).unwrap();
        poll_until_it_waits(Box::pin(source.readable())).await;
        drop(near);
        drop(source);
        let (near, mut far) = UnixStream::pair().unwrap();
        let near = Async::new(near).unwrap();
        far.write_all(b"x").unwrap();
        assert_eq!(read_byte(&near).await.unwrap(), b'x');
    });
}

#[test]
fn a_closed_descriptor_is_refused() {
    let error = block_on(async { Async::new(Number(1 << 30)).map(drop).unwrap_err() });
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
}

#[test]
fn a_descriptor_can_be_registered_again_after_it_was_taken_out() {
    // RE8: the same sequence twice.
    block_on(async {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        for _ in 0..2 {
            let source = Async::new(near).unwrap();
            poll_until_it_waits(Box::pin(read_byte(&source))).await;
            far.write_all(b"x").unwrap();
            assert_eq!(read_byte(&source).await.unwrap(), b'x');
            near = source.into_inner();
        }
    });
}

#[test]
fn registering_a_descriptor_twice_says_what_to_do() {
    block_on(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let first = Async::new(near.as_fd()).unwrap();
        let second = Async::new(near.as_fd()).unwrap();
        let mut first_wait = Box::pin(first.readable());
        poll_until_it_waits(&mut first_wait).await;
        let error = second.readable().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("try_clone"), "{error}");
        // Nor does the second take the first one's registration along when it goes.
        drop(second);
        far.write_all(b"x").unwrap();
        first_wait.await.unwrap();
    });
}

#[test]
fn outside_an_executor_there_is_an_error() {
    let (near, _far) = UnixStream::pair().unwrap();
    let error = Async::new(near).map(drop).unwrap_err();
    assert!(error.to_string().contains("block_on"), "{error}");
}

#[test]
fn a_regular_file_counts_as_always_ready() {
    // RE10
    block_on(async {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let mut file = Async::new(File::open(path).unwrap()).unwrap();
        file.readable().await.unwrap();
        file.writable().await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, std::fs::read_to_string(path).unwrap());
    });
}

#[test]
#[cfg(all(any(target_os = "linux", target_os = "android"), not(polling_test_poll_backend)))]
fn a_call_that_would_block_where_nothing_can_be_waited_for_is_an_error() {
    // RE10: epoll refuses regular files, so there is no event to wait for and never will be.
    block_on(async {
        let file = Async::new(File::open(std::env::current_exe().unwrap()).unwrap()).unwrap();
        let error = file.read_with(|_| io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn a_socket_made_under_one_executor_can_be_awaited_under_another() {
    let (first, second) = (LocalExecutor::new(), LocalExecutor::new());
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = first.block_on(async { Async::new(near).unwrap() });
    second.block_on(async {
        poll_until_it_waits(Box::pin(read_byte(&near))).await;
        far.write_all(b"x").unwrap();
        assert_eq!(read_byte(&near).await.unwrap(), b'x');
    });
}

#[test]
fn a_source_outlives_the_executor_it_was_made_under() {
    // SD8
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = LocalExecutor::new().block_on(async {
        let near = Async::new(near).unwrap();
        poll_until_it_waits(Box::pin(read_byte(&near))).await;
        near
    });
    far.write_all(b"x").unwrap();
    assert_eq!(block_on(read_byte(&near)).unwrap(), b'x');
}

#[test]
fn a_blocking_descriptor_is_made_non_blocking() {
    // NS7: a blocking read would stop this test for ever.
    block_on(async {
        let (near, mut far) = tcp_pair();
        near.set_nonblocking(false).unwrap();
        let mut near = Async::new(near).unwrap();
        let mut byte = [0];
        poll_until_it_waits(Box::pin(near.read(&mut byte))).await;
        far.write_all(b"x").unwrap();
        assert_eq!(near.read(&mut byte).await.unwrap(), 1);
    });
}

mod c {
    use std::ffi::c_int;
    unsafe extern "C" {
        pub safe fn fork() -> c_int;
        pub fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
        pub safe fn _exit(status: c_int) -> !;
        #[cfg(target_pointer_width = "64")]
        pub fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
        pub fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
        pub safe fn pthread_self() -> usize;
        pub safe fn pthread_kill(thread: usize, number: c_int) -> c_int;
    }
}

/// Runs `child` in a forked process and says whether it came to its end and returned true.
#[allow(unsafe_code)]
fn in_a_fork(child: impl FnOnce() -> bool) -> bool {
    let process = c::fork();
    if process == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        c::_exit(if matches!(outcome, Ok(true)) { 0 } else { 1 });
    }
    assert!(process > 0, "fork failed");
    let mut status = -1;
    // SAFETY: `status` is a valid place for the child's status.
    assert_eq!(unsafe { c::waitpid(process, &mut status, 0) }, process);
    status == 0
}

#[test]
fn a_forked_child_leaves_its_parents_registrations_alone() {
    // SF1, SF3: the child drops its copy of a registered socket, and does its own I/O with an
    // executor of its own.
    let executor = LocalExecutor::new();
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = executor.block_on(async {
        let near = Async::new(near).unwrap();
        poll_until_it_waits(Box::pin(read_byte(&near))).await;
        near
    });
    let mut near = Some(near);
    let child = in_a_fork(|| {
        drop(near.take());
        let error = executor.turn(None).unwrap_err();
        let (mine, mut other) = UnixStream::pair().unwrap();
        let byte = LocalExecutor::new().block_on(async {
            let mine = Async::new(mine).unwrap();
            poll_until_it_waits(Box::pin(read_byte(&mine))).await;
            other.write_all(b"c").unwrap();
            read_byte(&mine).await.unwrap()
        });
        byte == b'c' && error.to_string().contains("fork")
    });
    assert!(child, "the child failed");
    let near = near.unwrap();
    executor.block_on(async {
        let mut wait = Box::pin(read_byte(&near));
        poll_until_it_waits(&mut wait).await;
        far.write_all(b"p").unwrap();
        assert_eq!(wait.await.unwrap(), b'p');
    });
}

#[test]
#[cfg(target_pointer_width = "64")]
#[allow(unsafe_code)]
fn without_descriptors_a_wait_fails_and_the_executor_goes_on() {
    // In a child of its own, because the whole process runs out.
    const RLIMIT_NOFILE: std::ffi::c_int = if cfg!(any(target_os = "linux", target_os = "android")) { 7 } else { 8 };
    let (near, _far) = UnixStream::pair().unwrap();
    let child = in_a_fork(|| {
        let executor = LocalExecutor::new();
        // SAFETY: the pointer is that of two numbers, soft and hard limit, which is what the call
        // reads.
        assert_eq!(unsafe { c::setrlimit(RLIMIT_NOFILE, &[3, 3]) }, 0);
        executor.block_on(async {
            let near = Async::new(near).unwrap();
            let error = read_byte(&near).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
            // With nothing else to do the executor is asleep, without kernel objects, when the
            // other thread wakes it.
            let woken = Arc::new(AtomicBool::new(false));
            future::poll_fn(|context| {
                if woken.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                let (woken, waker) = (woken.clone(), context.waker().clone());
                std::thread::spawn(move || {
                    woken.store(true, Ordering::Release);
                    waker.wake();
                });
                Poll::Pending
            })
            .await;
            spawn(async { true }).await.unwrap()
        })
    });
    assert!(child, "the child failed");
}

#[test]
#[allow(unsafe_code)]
fn a_storm_of_signals_neither_loses_a_wake_nor_prolongs_a_wait() {
    // SN16, RE9: every wait is interrupted again and again. A wait that began anew each time would
    // never end.
    extern "C" fn ignore(_: std::ffi::c_int) {}
    const SIGUSR2: std::ffi::c_int = if cfg!(any(target_os = "linux", target_os = "android")) { 12 } else { 31 };
    // SAFETY: the handler does nothing, which is safe at any time, and nobody else in this process
    // uses this signal.
    unsafe { c::signal(SIGUSR2, ignore) };
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    let over = AtomicBool::new(false);
    let waiter = c::pthread_self();
    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        // Both go when a panic ends this closure: the storm stops, and who waits for a task
        // learns that it is cancelled.
        let (_over, executor) = (SetOnDrop(&over), executor);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(c::pthread_kill(waiter, SIGUSR2), 0);
                std::thread::yield_now();
            }
        });
        scope.spawn(move || {
            for _ in 0..200 {
                assert_eq!(block_on(spawner.spawn(|| async { 7 })).unwrap(), 7);
                far.write_all(b"x").unwrap();
            }
        });
        executor.block_on(async {
            let near = Async::new(near).unwrap();
            for _ in 0..200 {
                assert_eq!(read_byte(&near).await.unwrap(), b'x');
            }
        });
        executor.turn(Some(Duration::from_millis(20))).unwrap();
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Puts `/dev/full`, to which every write fails, in the place of whatever this process may notify a
/// thread by: each eventfd, and each pipe's end for writing but the standard ones.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn break_notifiers() -> usize {
    use std::os::fd::{FromRawFd, OwnedFd};

    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut broken = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let number: RawFd = entry.file_name().to_str().unwrap().parse().unwrap();
        let target = target.to_str().unwrap();
        let is_for_writing = |number| rustix::fs::fcntl_getfl(Number(number)).unwrap().contains(rustix::fs::OFlags::WRONLY);
        if number > 2 && (target == "anon_inode:[eventfd]" || (target.starts_with("pipe:") && is_for_writing(number))) {
            // SAFETY: the number is open, and is not closed here: what is behind it is exchanged,
            // and it is given back.
            let mut notifier = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
            rustix::io::dup2(&full, &mut notifier).unwrap();
            broken += 1;
        }
    }
    broken
}

// An owner that sleeps cannot be told that nobody can wake it.
#[cfg(target_os = "linux")]
#[test]
fn a_notify_that_fails_ends_the_process_with_a_message() {
    use std::os::unix::process::ExitStatusExt;

    use crate::support::{assert_contains, is_child, parked, run_in_child};

    if is_child() {
        let executor = LocalExecutor::builder().try_build().unwrap();
        assert!(break_notifiers() > 0, "an executor has one");
        let (future, key) = parked();
        std::thread::spawn(move || {
            while key.polls() == 0 {
                std::thread::yield_now();
            }
            // Until one of them finds the owner asleep.
            loop {
                key.waker().wake();
                std::thread::yield_now();
            }
        });
        executor.block_on(future);
        unreachable!("nobody opens it");
    }
    let output = run_in_child("reactor::a_notify_that_fails_ends_the_process_with_a_message");
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    assert_contains(&String::from_utf8_lossy(&output.stderr), &["wakeline", "cannot be notified", "os error 28"]);
}
