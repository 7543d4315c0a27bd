//! An allocator that knows how many bytes each thread holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator with a count of live bytes for each thread.
pub struct Counted;

/// Bytes that the calling thread has asked for and not given back.
pub fn live_bytes() -> i64 {
    LIVE.get()
}

fn count(bytes: i64) {
    LIVE.set(LIVE.get() + bytes);
}

// SAFETY: every call is passed on to `System` with its arguments unchanged, and the counter is a
// `const` thread-local without a destructor, which neither allocates nor unwinds. A counter that
// allocated would enter this allocator again.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for; a zero
        // size would break it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `ptr` came from `System` through this allocator; a pointer of another allocator
        // would break it.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: `ptr` came from `System` through this allocator; a pointer of another allocator
        // would break it.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
