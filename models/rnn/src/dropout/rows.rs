use std::cell::RefCell;
use std::ops::Range;

thread_local! {
    static CURRENT: RefCell<Option<Rows>> = const { RefCell::new(None) };
}

/// The rows of a batch that this process computes, if several processes share the batch (data parallelism). Inside of
/// [`within`](Self::within), dropout draws the masks of the whole batch and uses only the masks of these rows, so that
/// the masks do not depend on the number of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The indices of the rows of the whole batch that this process computes.
    pub rows: Range<usize>,
    /// The number of rows of the whole batch.
    pub of: usize,
}

impl Rows {
    /// Returns all rows of a batch of `count` rows, for a process that computes the whole batch alone.
    pub fn all(count: usize) -> Self {
        Self { rows: 0..count, of: count }
    }

    /// Returns the given `rows` of the same whole batch, for a process that computes only these rows.
    pub fn part(&self, rows: Range<usize>) -> Self {
        Self { rows, of: self.of }
    }

    /// Calls `compute`. During the call, dropout draws its masks for these rows of the whole batch.
    pub fn within<R>(&self, compute: impl FnOnce() -> R) -> R {
        /// Restores the previous value of `CURRENT` when this guard goes out of scope, also after a panic.
        struct Before(Option<Rows>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _before = Before(CURRENT.replace(Some(self.clone())));
        compute()
    }

    /// Draws a dropout mask of the given shape. `shape[0]` is the number of rows of the batch that this process computes,
    /// or a multiple of that number. Returns `None` if `draw` returns `None`.
    ///
    /// Outside of [`within`](Self::within), this is `draw(shape)`. Inside, `draw` draws the mask for the whole batch, and
    /// `narrow(mask, start)` cuts out the rows of this process, which begin at the index `start` of the first dimension.
    pub(super) fn of_whole<const D: usize, T>(
        shape: [usize; D],
        draw: impl FnOnce([usize; D]) -> Option<T>,
        narrow: impl FnOnce(T, usize) -> T,
    ) -> Option<T> {
        let Some(Self { rows, of }) = CURRENT.with_borrow(Option::clone) else { return draw(shape) };
        let each = shape[0] / rows.len().max(1);
        let mut whole = shape;
        whole[0] = of * each;
        draw(whole).map(|mask| narrow(mask, rows.start * each))
    }
}
