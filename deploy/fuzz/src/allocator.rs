//! An allocator that records the size of the largest allocation since a given moment.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, with a record of the largest allocation. A program that measures allocations declares a
/// value of this type as its `#[global_allocator]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched;

/// The size of the largest allocation since [`begin`], in bytes.
static LARGEST: AtomicUsize = AtomicUsize::new(0);
/// The serial number, as given to [`begin`], of the deliberately damaged package that is being tested.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// An allocation of at least this size, in bytes, may end the process. Therefore, the number of the damaged package is
/// printed before such an allocation.
const FATAL: usize = 1 << 30;

/// Starts to record the largest allocation for the input (a damaged package) with this number.
pub fn begin(number: u64) {
    NUMBER.store(number, Relaxed);
    LARGEST.store(0, Relaxed);
}

/// The size of the largest allocation since [`begin`], in bytes.
pub fn largest() -> usize {
    LARGEST.load(Relaxed)
}

fn watch(size: usize) {
    LARGEST.fetch_max(size, Relaxed);
    if size >= FATAL {
        // Standard error has no buffer, so writing to it does not allocate memory.
        let _ = writeln!(std::io::stderr(), "damaged package {} allocates {size} bytes at once", NUMBER.load(Relaxed));
    }
}

// SAFETY: every method passes its arguments on to the system's allocator, and returns the result of the system's
// allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        watch(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        watch(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        watch(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
