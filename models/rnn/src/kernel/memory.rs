//! Memory of the kernels: aligned and used again, or shared by the members of a team.

use std::cell::RefCell;
use std::marker::PhantomData;

/// Values that begin at a cache line, so that no vector lies across two.
///
/// A thread keeps what it gives up for its next call: the kernel zeroes fresh memory page by page, which costs as much as
/// a layer's arithmetic.
#[derive(Debug)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    length: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; Line::LENGTH]);

impl Line {
    const LENGTH: usize = 16;
}

// SAFETY: floats without padding, all bits of which may be zero.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: floats without padding, whose bits may be any.
unsafe impl bytemuck::Pod for Line {}

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// How many pieces of memory a thread keeps.
const MOST_SPARE: usize = 16;

impl Aligned {
    /// `length` values, not to be read before they are written: they are what the memory held before.
    pub fn new(length: usize) -> Self {
        let count = length.div_ceil(Line::LENGTH);
        let spare = SPARE.with_borrow_mut(|spare| {
            let fitting = spare.iter().enumerate().filter(|(_, lines)| lines.len() >= count);
            let (smallest, _) = fitting.min_by_key(|(_, lines)| lines.len())?;
            Some(spare.swap_remove(smallest))
        });
        let lines = spare.unwrap_or_else(|| vec![Line([0.0; Line::LENGTH]); count]);
        Self { lines, length }
    }

    pub fn values(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.length]
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.length]
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that ends has no spare memory any more.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            spare.push(lines);
            if spare.len() > MOST_SPARE
                && let Some(smallest) = (0..spare.len()).min_by_key(|&index| spare[index].len())
            {
                spare.swap_remove(smallest);
            }
        });
    }
}

/// Memory that the members of a team read and write in turns.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    length: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `&mut [f32]` whose uses the callers of `read` and `write` keep apart.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub fn new(memory: &'a mut [f32]) -> Self {
        Self { start: memory.as_mut_ptr(), length: memory.len(), lifetime: PhantomData }
    }

    pub fn length(self) -> usize {
        self.length
    }

    /// `length` values from `start`.
    ///
    /// # Safety
    ///
    /// They lie in the memory, and nobody writes them while the slice is used.
    #[inline(always)]
    pub unsafe fn read(self, start: usize, length: usize) -> &'a [f32] {
        debug_assert!(start + length <= self.length);
        // SAFETY: the caller's promise; the memory is borrowed for `'a`.
        unsafe { std::slice::from_raw_parts(self.start.add(start), length) }
    }

    /// `length` values from `start`, to be written.
    ///
    /// # Safety
    ///
    /// They lie in the memory, and nobody else reads or writes them while the slice is used.
    #[inline(always)]
    pub unsafe fn write(self, start: usize, length: usize) -> &'a mut [f32] {
        debug_assert!(start + length <= self.length);
        // SAFETY: the caller's promise; the memory is borrowed mutably for `'a`.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
