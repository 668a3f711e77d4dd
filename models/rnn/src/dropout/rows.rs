use std::cell::RefCell;
use std::ops::Range;

thread_local! {
    static CURRENT: RefCell<Option<Rows>> = const { RefCell::new(None) };
}

/// Rows of a batch that is shared by several processes. Inside of [`within`](Self::within), dropout draws the masks of the
/// whole batch and uses those of the rows, so that the masks do not depend on the number of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The rows of this process.
    pub rows: Range<usize>,
    /// The number of rows of the whole batch.
    pub of: usize,
}

impl Rows {
    /// All rows of a batch that one process computes alone.
    pub fn all(count: usize) -> Self {
        Self { rows: 0..count, of: count }
    }

    /// Some rows of the same batch.
    pub fn part(&self, rows: Range<usize>) -> Self {
        Self { rows, of: self.of }
    }

    /// Calls `compute`, which computes on these rows.
    pub fn within<R>(&self, compute: impl FnOnce() -> R) -> R {
        /// Restores what was there before, also after a panic.
        struct Before(Option<Rows>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _before = Before(CURRENT.replace(Some(self.clone())));
        compute()
    }

    /// Draws a mask whose first dimension is the rows of the batch, or a fixed number of values for each row.
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
