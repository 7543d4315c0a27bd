//! The blocks of ended tasks, kept for the next ones. Nothing depends on it: every block comes from
//! the global allocator and may go back there from any thread.
//!
//! A program that spawns usually has just ended a task of the same size. Handing its block on costs
//! a few instructions where `malloc` and `free` cost some 190 (a third of a spawn and join). Only
//! the owner takes part: a block that the last waker frees on another thread goes to the allocator.
//!
//! Rule \[B1\]: a block is asked for and given back with the same rounded layout, once.
//!
//! Sizes are rounded to sixteen less eight, the sizes at which glibc's malloc wastes nothing, so
//! that rounding costs no memory.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem;
use std::ptr::NonNull;

/// The sizes are 24, 40, … : one class for each step of sixteen bytes.
const STEP: usize = 16;
/// Larger blocks are for the allocator; a future of more than a kilobyte costs more to move than to
/// allocate.
const CLASSES: usize = 64;
/// Bytes kept per class: 1 820 of the smallest useful blocks.
const KEPT: usize = 128 * 1024;

/// Free blocks by size, and a count of the tasks that lean on the executor's memory.
#[derive(Debug)]
pub(crate) struct FreeList {
    /// Those of class `n` have `class_size(n)` bytes.
    classes: [Vec<NonNull<u8>>; CLASSES],
    tasks: usize,
}

impl Default for FreeList {
    fn default() -> Self {
        Self { classes: [const { Vec::new() }; CLASSES], tasks: 0 }
    }
}

fn class_size(class: usize) -> usize {
    class * STEP + STEP / 2
}

/// The class that a layout falls into; none for large or over-aligned ones.
fn class_of(layout: Layout) -> Option<usize> {
    let class = (layout.size() + STEP / 2 - 1) / STEP;
    (class < CLASSES && layout.align() <= STEP / 2).then_some(class)
}

/// The layout that is really asked for, and given back.
fn rounded(layout: Layout) -> Layout {
    match class_of(layout) {
        Some(class) => Layout::from_size_align(class_size(class), STEP / 2).expect("a small power of two"),
        None => layout,
    }
}

/// A new block, from the allocator.
pub(super) fn allocate(layout: Layout) -> NonNull<u8> {
    let layout = rounded(layout);
    // SAFETY: [B1] a task's layout holds at least its header, so the size is not zero, for which
    // the allocator's behaviour is undefined.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives a block back to the allocator.
///
/// # Safety
///
/// The block came from [`allocate`] or [`FreeList::take`] with this layout, and nothing lives in
/// it.
pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    // SAFETY: [B1] by the contract above; another layout would corrupt the allocator.
    unsafe { dealloc(block.as_ptr(), rounded(layout)) };
}

impl FreeList {
    /// A block for this layout, used before or new.
    #[inline]
    pub(super) fn take(&mut self, layout: Layout) -> NonNull<u8> {
        let kept = class_of(layout).and_then(|class| self.classes[class].pop());
        kept.unwrap_or_else(|| allocate(layout))
    }

    /// A block for a task that is to be registered.
    #[inline]
    pub(super) fn take_for_task(&mut self, layout: Layout) -> NonNull<u8> {
        self.gain_task();
        self.take(layout)
    }

    /// A task that does not keep the executor's memory by itself.
    #[inline]
    pub(super) fn gain_task(&mut self) {
        self.tasks += 1;
    }

    /// One less: it is over, or keeps the memory from now on.
    #[inline]
    pub(super) fn lose_task(&mut self) {
        self.tasks -= 1;
    }

    /// Is there a task that relies on the executor for the executor's memory?
    pub(crate) fn has_tasks(&self) -> bool {
        self.tasks > 0
    }

    /// Gives all blocks back to the allocator.
    pub(crate) fn clear(&mut self) {
        for (class, kept) in self.classes.iter_mut().enumerate() {
            let layout = Layout::from_size_align(class_size(class), STEP / 2).expect("a small power of two");
            for block in mem::take(kept) {
                // SAFETY: [B1] blocks of a class are asked for and given back with the class's
                // layout, once, as the class is empty from here on.
                unsafe { free(block, layout) };
            }
        }
    }

    /// Keeps a block for later, if there is room.
    ///
    /// # Safety
    ///
    /// As [`free`].
    #[inline]
    pub(super) unsafe fn put(&mut self, block: NonNull<u8>, layout: Layout) {
        if let Some(class) = class_of(layout) {
            let kept = &mut self.classes[class];
            if kept.len() < KEPT / class_size(class) {
                kept.push(block);
                return;
            }
        }
        // SAFETY: [B1] by the contract above.
        unsafe { free(block, layout) };
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_for_the_same_class_only() {
        let mut blocks = FreeList::default();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let first = blocks.take(layout(64));
        // SAFETY: [B1] it came from `take` with this layout and is empty.
        unsafe { blocks.put(first, layout(64)) };
        let larger = blocks.take(layout(73));
        assert_ne!(larger, first);
        assert_eq!(blocks.take(layout(72)), first);
        for (block, size) in [(first, 72), (larger, 73)] {
            // SAFETY: [B1] both came from `take`, and 64 and 72 round to the same layout.
            unsafe { free(block, layout(size)) };
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut blocks = FreeList::default();
        let layout = Layout::from_size_align(1000, 8).unwrap();
        let taken: Vec<_> = (0..1000).map(|_| blocks.take(layout)).collect();
        for block in taken {
            // SAFETY: [B1] it came from `take` with this layout and is empty.
            unsafe { blocks.put(block, layout) };
        }
        let kept: usize = blocks.classes.iter().map(Vec::len).sum();
        assert!(kept > 0 && kept * class_size(class_of(layout).unwrap()) <= KEPT, "{kept}");
    }
}
