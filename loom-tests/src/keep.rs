//! An allocator that keeps freed memory for a while — so that a use after free of an executor's
//! memory meets the canary in it and not somebody else's data.
//!
//! Tasks need no such thing, since their blocks are never given back in these builds. An executor's
//! memory lies in loom's `Arc`, which does give it back. It is recognised by its alignment: the
//! inbox's head is alone on two cache lines.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;

/// Alignment of the memory that is kept.
const ALIGN: usize = 128;
/// So many blocks; one execution of a model frees one or two.
const KEPT: usize = 64;

struct Keep {
    /// The blocks freed last, as addresses with their layouts, in a ring.
    blocks: Mutex<([(usize, usize); KEPT], usize)>,
}

#[global_allocator]
static KEEP: Keep = Keep { blocks: Mutex::new(([(0, 0); KEPT], 0)) };

// SAFETY: every call is the system allocator's; a block is freed with its own layout, once, only
// later.
unsafe impl GlobalAlloc for Keep {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() != ALIGN {
            // SAFETY: the caller's contract is the same.
            return unsafe { System.dealloc(block, layout) };
        }
        let (oldest, size) = {
            let mut blocks = self.blocks.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (ring, next) = &mut *blocks;
            *next = (*next + 1) % KEPT;
            std::mem::replace(&mut ring[*next], (block.expose_provenance(), layout.size()))
        };
        if oldest != 0 {
            let layout = Layout::from_size_align(size, ALIGN).expect("it was a layout before");
            // SAFETY: the block was freed by its user with this layout, and was kept until now.
            unsafe { System.dealloc(std::ptr::with_exposed_provenance_mut(oldest), layout) };
        }
    }
}
