//! The global allocator of a sandboxed processor: dlmalloc over the instance's initial memory first.
//!
//! The usual one asks for fresh pages at its first allocation. That grows the memory, which costs the host an mprotect and a
//! TLB flush for each message: more than all that a small processor does. Here what the linker left free below the
//! initial memory size (`--initial-memory`) is used up before the memory grows.

#![allow(unsafe_code, reason = "an allocator cannot be had without")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::{Allocator, Dlmalloc};

#[cfg(target_feature = "atomics")]
compile_error!("the SDK's allocator is for instances of one thread: turn off its feature `allocator`");

const PAGE: usize = 64 << 10;
/// Pages by which the memory grows at least: 256 KiB.
const STEP: usize = 4;

#[global_allocator]
static ALLOCATOR: OneThread = OneThread(UnsafeCell::new(Dlmalloc::new_with_allocator(Memory::new())));

/// Where dlmalloc gets its memory from.
struct Memory {
    /// Whether the initial memory was handed out.
    initial_used: AtomicBool,
}

unsafe extern "C" {
    /// Set by the linker: the first byte behind the stack and the statics.
    static __heap_base: u8;
}

impl Memory {
    const fn new() -> Self {
        Self { initial_used: AtomicBool::new(false) }
    }

    /// What lies between the statics and the end of the initial memory.
    fn initial() -> (usize, usize) {
        let base = (&raw const __heap_base).addr().next_multiple_of(16);
        (base, (memory_size(0) * PAGE).saturating_sub(base))
    }

    /// Grows by at least `size` bytes, by `STEP` pages where there is room.
    fn grow(size: usize) -> Option<(usize, usize)> {
        let least = size.div_ceil(PAGE);
        [least.max(STEP), least].into_iter().find_map(|pages| match memory_grow(0, pages) {
            usize::MAX => None,
            before => Some((before * PAGE, pages * PAGE)),
        })
    }
}

// SAFETY: a region is handed out once only. The first is what lies between `__heap_base` and the memory's first size, which
// nothing else uses: the stack and the statics lie below, and whoever else grows the memory gets pages above. It is handed
// out only while the memory was not grown through here (`swap` is before `grow`, and `initial` is asked for once). The others
// are fresh pages of `memory.grow`. No region is ever taken back, moved or cut.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let mut region = None;
        if !self.initial_used.swap(true, Ordering::Relaxed) {
            region = Some(Self::initial()).filter(|(_, len)| *len >= size);
        }
        match region.or_else(|| Self::grow(size)) {
            Some((base, len)) => (std::ptr::with_exposed_provenance_mut(base), len, 0),
            None => (std::ptr::null_mut(), 0, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

struct OneThread(UnsafeCell<Dlmalloc<Memory>>);

// SAFETY: an instance without `atomics` has one thread (asserted above).
unsafe impl Sync for OneThread {}

// SAFETY: hands on to dlmalloc, which upholds the contract. The exclusive references do not overlap: there is one thread, and
// dlmalloc calls nothing that allocates.
unsafe impl GlobalAlloc for OneThread {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(ptr, layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(ptr, layout.size(), layout.align(), size) }
    }
}
