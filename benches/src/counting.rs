//! An allocator that counts what each thread asks for — owns two numbers a thread — must never
//! allocate itself.
//!
//! A bench that reports allocations installs it as its `#[global_allocator]`. The counters are the
//! calling thread's own, so that a load generator on another thread is not counted. Memory freed by
//! a thread that did not allocate it is counted where it is freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator with a count of calls and of live bytes for each thread.
pub struct Counting;

/// What a thread has asked of the allocator so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Calls of `alloc`, `alloc_zeroed` and `realloc`.
    pub calls: u64,
    /// Bytes asked for minus bytes given back.
    pub live: i64,
}

impl Count {
    /// The calling thread's count.
    pub fn now() -> Self {
        Self { calls: CALLS.get(), live: LIVE.get() }
    }

    /// What has been added since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self { calls: self.calls - earlier.calls, live: self.live - earlier.live }
    }
}

fn count(calls: u64, bytes: i64) {
    CALLS.set(CALLS.get() + calls);
    LIVE.set(LIVE.get() + bytes);
}

// SAFETY: every call is passed on to `System` with its arguments unchanged, and the counters are
// `const` thread-locals without a destructor, which neither allocate nor unwind. A counter that
// allocated would enter this allocator again.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for; a zero
        // size would break it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for; a zero
        // size would break it.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size as i64 - layout.size() as i64);
        // SAFETY: `ptr` came from `System` through this allocator; a pointer of another allocator
        // would break it.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: `ptr` came from `System` through this allocator; a pointer of another allocator
        // would break it.
        unsafe { System.dealloc(ptr, layout) }
    }
}
