//! What the tests share: traces, wakers that count or panic, drops that remember their thread, an
//! allocator that counts, child processes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Debug;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How long a condition may take to come true, and a test that could hang to end. Never waited for
/// unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a stress test repeats: `rounds`, times what WAKELINE_STRESS says.
pub fn rounds(rounds: usize) -> usize {
    let factor = std::env::var("WAKELINE_STRESS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    rounds * factor
}

/// Says that a test, or a part of one, cannot be run here, past the harness that keeps what tests
/// print, and how many that makes. On a machine that is said to have everything, by WAKELINE_CI=1,
/// it is a failure.
#[track_caller]
pub fn skip(reason: &str) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let test = thread::current();
    let _ = writeln!(io::stderr(), "skipped ({count} so far): {}: {reason}", test.name().unwrap_or("?"));
    assert!(std::env::var_os("WAKELINE_CI").is_none_or(|value| value != "1"), "skipped: {reason}");
}

/// Spins until the condition holds; fails the test when it never does.
#[track_caller]
pub fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        thread::yield_now();
    }
}

/// Runs `f` on a thread of its own and fails the test when it hangs.
#[track_caller]
pub fn must_end<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, wait) = channel();
    let worker = thread::spawn(move || {
        let result = f();
        let _ = done.send(());
        result
    });
    if let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(PATIENCE) {
        panic!("hangs");
    }
    worker.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Events in the order in which they happened, from any thread.
#[derive(Debug)]
pub struct Trace<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Trace<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Trace<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, event: T) {
        self.lock().push(event);
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// The events so far; the trace starts again.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.lock())
    }
}

/// Records its name and the dropping thread when it is dropped.
pub struct Dropped<T: Clone> {
    name: T,
    trace: Trace<(T, ThreadId)>,
}

impl<T: Clone> Dropped<T> {
    pub fn new(name: T, trace: &Trace<(T, ThreadId)>) -> Self {
        Self { name, trace: trace.clone() }
    }
}

impl<T: Clone> Drop for Dropped<T> {
    fn drop(&mut self) {
        self.trace.push((self.name.clone(), thread::current().id()));
    }
}

/// Runs a closure when it is dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// A waker that counts its wakes. `Arc::strong_count` says how many wakers there are.
#[derive(Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    pub fn new() -> (Waker, Arc<Counter>) {
        let counter = Arc::new(Counter::default());
        (counter.clone().into(), counter)
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Where a [`Hooked`] waker runs the test's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    Clone,
    Wake,
    Drop,
}

/// A waker whose clone, wake and drop run the test's code: to panic in, or to call back into
/// what holds the waker.
pub struct Hooked {
    hook: Box<dyn Fn(Site) + Send + Sync>,
    armed: AtomicBool,
    /// Wakers that exist.
    pub alive: AtomicUsize,
}

impl Hooked {
    pub fn new(hook: impl Fn(Site) + Send + Sync + 'static) -> (Waker, Arc<Hooked>) {
        let hooked = Arc::new(Hooked { hook: Box::new(hook), armed: AtomicBool::new(false), alive: AtomicUsize::new(1) });
        let data = Arc::into_raw(hooked.clone()).cast();
        // SAFETY: the vtable's functions treat the data as what `Arc::into_raw` gave, one count a
        // waker.
        (unsafe { Waker::new(data, &HOOKED) }, hooked)
    }

    /// From here on the hook is called.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    fn call(&self, site: Site) {
        if self.armed.load(Ordering::SeqCst) {
            (self.hook)(site);
        }
    }
}

static HOOKED: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the waker that is being cloned holds a count.
        let hooked = unsafe { &*data.cast::<Hooked>() };
        hooked.call(Site::Clone);
        hooked.alive.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the pointer is that of an `Arc`, alive by the count of the waker that is being
        // cloned.
        unsafe { Arc::increment_strong_count(data.cast::<Hooked>()) };
        RawWaker::new(data, &HOOKED)
    },
    |data| {
        // SAFETY: the waker's count is taken over.
        let hooked = unsafe { Arc::from_raw(data.cast::<Hooked>()) };
        hooked.alive.fetch_sub(1, Ordering::SeqCst);
        hooked.call(Site::Wake);
    },
    |data| {
        // SAFETY: the waker holds a count for the whole call.
        unsafe { &*data.cast::<Hooked>() }.call(Site::Wake);
    },
    |data| {
        // SAFETY: the waker's count is taken over.
        let hooked = unsafe { Arc::from_raw(data.cast::<Hooked>()) };
        hooked.alive.fetch_sub(1, Ordering::SeqCst);
        hooked.call(Site::Drop);
    },
);

/// A future that waits until its [`Key`] opens it, and shows the waker that it was last polled
/// with.
#[derive(Clone)]
pub struct Parked(Arc<ParkedState>);

#[derive(Default)]
struct ParkedState {
    open: AtomicBool,
    polls: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

/// The outside of a [`Parked`].
#[derive(Clone)]
pub struct Key(Arc<ParkedState>);

pub fn parked() -> (Parked, Key) {
    let state = Arc::new(ParkedState::default());
    (Parked(state.clone()), Key(state))
}

impl Future for Parked {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        if self.0.open.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let old = self.0.waker.lock().unwrap().replace(cx.waker().clone());
        drop(old);
        if self.0.open.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Key {
    /// How often the future was polled.
    pub fn polls(&self) -> usize {
        self.0.polls.load(Ordering::SeqCst)
    }

    /// A clone of the waker of the last poll.
    pub fn waker(&self) -> Waker {
        self.0.waker.lock().unwrap().clone().expect("the future has not been polled")
    }

    /// The waker of the last poll itself.
    pub fn take_waker(&self) -> Waker {
        self.0.waker.lock().unwrap().take().expect("the future has not been polled")
    }

    /// The future is ready at its next poll. Wakes nobody.
    pub fn open(&self) {
        self.0.open.store(true, Ordering::SeqCst);
    }

    pub fn open_and_wake(&self) {
        self.open();
        let waker = self.0.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A future made of the function that polls it.
pub fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// The text of a panic.
pub fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it should have panicked");
    text_of(&*payload)
}

pub fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => payload.downcast_ref::<&str>().expect("a panic with text").to_string(),
    }
}

// -- memory
// -------------------------------------------------------------------------------------------------

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

std::thread_local! {
    /// Allocations of this thread, and frees; counted per thread, so that tests that run beside
    /// each other do not disturb.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
    /// Blocks that were made larger or smaller.
    static RESIZED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is forwarded to the system's allocator; the counters are constant-initialised,
// without destructors, and allocate not.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|count| count.set(count.get() + 1));
        // SAFETY: by the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.with(|count| count.set(count.get() + 1));
        // What is freed is overwritten, so that its use afterwards is noticed: no address, no count
        // and no flag looks like this. SAFETY: the block is the caller's until it is given back
        // below.
        unsafe { pointer.write_bytes(0xdd, layout.size().min(256)) };
        // SAFETY: by the trait's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        RESIZED.with(|count| count.set(count.get() + 1));
        // SAFETY: by the trait's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Allocations of this thread so far, counting blocks that were made larger.
pub fn allocations() -> usize {
    ALLOCATED.with(Cell::get) + RESIZED.with(Cell::get)
}

/// Blocks that this thread has allocated and not freed; negative when it freed others' blocks.
pub fn blocks() -> isize {
    ALLOCATED.with(Cell::get) as isize - FREED.with(Cell::get) as isize
}

/// By how many blocks `f` changes what this thread holds. It runs twice: the first time may fill
/// tables that stay, as that of spawn sites.
pub fn blocks_left_by(mut f: impl FnMut()) -> isize {
    f();
    let before = blocks();
    f();
    blocks() - before
}

// -- child processes
// -------------------------------------------------------------------------------------------------

const ROLE: &str = "WAKELINE_TEST_CHILD";

/// Is this the child process of the test?
pub fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Runs the test (named by its path, as in `module::name`) again in a process of its own, where
/// [`is_child`] is true.
pub fn run_in_child(test: &str) -> Output {
    run_in_child_with(test, &[])
}

/// [`run_in_child`] with more in the environment.
pub fn run_in_child_with(test: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, test);
    command.envs(environment.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the child hangs: {:?}", child.wait_with_output().unwrap());
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Did the child run exactly one test, and did it pass?
#[track_caller]
pub fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:#?}");
}

#[track_caller]
pub fn assert_contains<T: AsRef<str> + Debug + ?Sized>(text: &T, parts: &[&str]) {
    for part in parts {
        assert!(text.as_ref().contains(part), "{part:?} is not in {text:?}");
    }
}

// -- chance
// -------------------------------------------------------------------------------------------------

/// Numbers that look random and are the same each time (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
