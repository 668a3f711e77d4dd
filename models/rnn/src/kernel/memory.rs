//! Buffers of the kernels: buffers that are aligned and reused, and buffers that several threads share.

use std::cell::RefCell;
use std::marker::PhantomData;

/// A buffer that starts at the start of a cache line, so that no SIMD vector in it lies in two cache lines.
///
/// Each thread keeps dropped buffers for reuse, because the operating system fills every page of new memory with zeros,
/// which takes time.
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

// SAFETY: a line is an array of floats without padding bytes, and all-zero bits are valid floats.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: a line is an array of floats without padding bytes, and any bits are valid floats.
unsafe impl bytemuck::Pod for Line {}

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// The largest number of dropped buffers that a thread keeps for reuse.
const MAX_SPARE: usize = 16;

impl Aligned {
    /// Returns a buffer of `length` values. The values are unspecified, because the memory may have been used before.
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
        // `try_with` fails in a thread that is ending. The buffer is then freed.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            spare.push(lines);
            if spare.len() > MAX_SPARE
                && let Some(smallest) = (0..spare.len()).min_by_key(|&index| spare[index].len())
            {
                spare.swap_remove(smallest);
            }
        });
    }
}

/// A buffer of floats that several threads use at the same time. The callers of `read` and `write` promise that no
/// thread writes values that another thread uses.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    length: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: `Shared` is a `&mut [f32]` whose users promise, in `read` and `write`, that accesses do not conflict.
unsafe impl Send for Shared<'_> {}
// SAFETY: the users of `read` and `write` promise that accesses do not conflict.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub fn new(memory: &'a mut [f32]) -> Self {
        Self { start: memory.as_mut_ptr(), length: memory.len(), lifetime: PhantomData }
    }

    pub fn length(self) -> usize {
        self.length
    }

    /// Returns the part of this buffer with the `length` values from index `start`.
    pub fn part(self, start: usize, length: usize) -> Self {
        assert!(start + length <= self.length, "the requested part of a buffer must be in bounds");
        Self { start: self.start.wrapping_add(start), length, lifetime: PhantomData }
    }

    /// Returns the `length` values from index `start`.
    ///
    /// # Safety
    ///
    /// The range `start..start + length` is in bounds, and no thread writes it during the lifetime of the slice.
    #[inline(always)]
    pub unsafe fn read(self, start: usize, length: usize) -> &'a [f32] {
        debug_assert!(start + length <= self.length);
        // SAFETY: promised by the caller; the memory is borrowed for `'a`.
        unsafe { std::slice::from_raw_parts(self.start.add(start), length) }
    }

    /// Returns the `length` values from index `start`, mutable.
    ///
    /// # Safety
    ///
    /// The range `start..start + length` is in bounds, and nothing else reads or writes it during the lifetime of the
    /// slice.
    #[inline(always)]
    pub unsafe fn write(self, start: usize, length: usize) -> &'a mut [f32] {
        debug_assert!(start + length <= self.length);
        // SAFETY: promised by the caller; the memory is borrowed mutably for `'a`.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}

/// Returns a vector of `length` values, which the function `write` computes. The vector is not filled with zeros first,
/// because this would take time.
///
/// # Safety
///
/// `write` must write all values. It must read no value before it has written this value.
pub(crate) unsafe fn written(length: usize, write: impl FnOnce(Shared)) -> Vec<f32> {
    let mut values = Vec::with_capacity(length);
    write(Shared { start: values.as_mut_ptr(), length, lifetime: PhantomData });
    // SAFETY: the vector has the capacity, and the caller promises that all values are written.
    unsafe { values.set_len(length) };
    values
}
