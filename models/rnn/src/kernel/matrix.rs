//! Products of two matrices, for dense layers.

use std::ops::Range;

use pulp::Simd;

use super::memory::{Aligned, Shared, written};
use super::pack::{CACHED_ROWS, Panels, cache_blocks, gather, serpentine};
use super::simd::{MAX_ROWS, Plus, TILES, has_wide_tiles, load, multiply_to, outer, store};
use super::team::Member;
use super::{Job, lanes, member_units, run_team, vectors};

/// A view of a matrix, or of its transpose.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    /// The values in row-major order. If `transposed` is true, `values` has the transpose of this matrix.
    values: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix with the given number of columns.
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "the length of a matrix must be a multiple of its columns");
        Self { values, rows: values.len() / columns, columns, transposed: false }
    }

    pub fn transposed(self) -> Self {
        let Self { values, rows, columns, transposed } = self;
        Self { values, rows: columns, columns: rows, transposed: !transposed }
    }

    /// Returns the values at the indices `part` of row `row` of the stored matrix. If `transposed` is true, the stored
    /// matrix is the transpose of `self`.
    #[inline(always)]
    fn stored(&self, row: usize, part: Range<usize>) -> &'a [f32] {
        let length = if self.transposed { self.rows } else { self.columns };
        &self.values[row * length..][part]
    }

    /// Packs the given rows and columns into panels (blocks of columns), for products with this matrix as the right
    /// factor.
    #[inline(always)]
    fn pack<S: Simd>(&self, simd: S, rows: Range<usize>, columns: Range<usize>) -> Panels {
        match self.transposed {
            true => Panels::of_rows::<S>(self.values, self.rows, rows, columns),
            false => {
                let row = |k| self.stored(rows.start + k, 0..self.columns);
                Panels::of_columns(simd, rows.len(), row, columns)
            }
        }
    }
}

/// Computes the product `left · right`, in row-major order. The `bias`, one value per column, is added to each row.
pub(crate) fn product(left: Matrix, right: Matrix, bias: Option<&[f32]>) -> Vec<f32> {
    // SAFETY: the job writes the whole product, and reads only values that it has written.
    unsafe { written(left.rows * right.columns, |to| multiply(left, right, bias, to)) }
}

/// Writes the product `left · right`, in row-major order, to `to`. The `bias`, one value per column, is added to each
/// row.
pub(crate) fn multiply(left: Matrix, right: Matrix, bias: Option<&[f32]>, to: Shared) {
    assert_eq!(left.columns, right.rows, "the inner dimensions of a matrix product must match");
    assert!(left.columns > 0, "a matrix product needs an inner dimension of at least 1");
    assert_eq!(
        to.length(),
        left.rows * right.columns,
        "the output buffer of a matrix product must have one value per row and column"
    );
    assert!(bias.is_none_or(|bias| bias.len() == right.columns), "the bias must have one value per column");
    let work = left.rows * left.columns * right.columns;
    let job = Product { left, right, bias, to };
    let threads = if work < MIN_PARALLEL_WORK { 1 } else { job.parts() };
    run_team(threads, work, &job);
}

/// The number of multiplications below which one thread is faster than several threads.
const MIN_PARALLEL_WORK: usize = if cfg!(test) { 1 } else { 1 << 18 };

/// The right factor is packed and multiplied in blocks of at most this number of rows.
const DEPTH: usize = 768;

/// The largest number of rows of the left factor that are copied at once to tiles. A tile has the values of a few rows,
/// column by column. Rows are copied only if the left factor is the transpose of the matrix in memory. On all
/// processors, this number is a multiple of the number of rows per tile: see [`TILES`].
const GATHERED: usize = 240;

/// The number of columns of the right factor that are packed at once if the left factor fits the cache. The packed
/// columns then stay in the cache too, until they have been multiplied. On all processors, this number is a multiple of
/// the number of columns per panel.
const GROUP: usize = 96;

/// The smallest number of SIMD vectors of columns per thread if the threads divide the columns of the product.
const MIN_VECTORS: usize = 6;

struct Product<'a> {
    left: Matrix<'a>,
    right: Matrix<'a>,
    bias: Option<&'a [f32]>,
    to: Shared<'a>,
}

impl Product<'_> {
    /// Returns true if the threads divide the columns of the product among themselves. Each thread then packs only its
    /// own columns of the right factor, but copies the whole left factor to tiles if the left factor is transposed.
    /// Returns false if the threads divide the rows. Each thread then packs the whole right factor, but copies only its
    /// own rows of the left factor.
    fn divides_columns(&self) -> bool {
        let (rows, columns) = (self.left.rows, self.right.columns);
        columns >= 2 * MIN_VECTORS * lanes() && (columns >= rows || !self.left.transposed)
    }

    /// The largest useful number of threads.
    fn parts(&self) -> usize {
        match self.divides_columns() {
            true => self.right.columns / (MIN_VECTORS * lanes()),
            false => self.left.rows.div_ceil(2 * MAX_ROWS),
        }
    }

    /// The number of columns of the right factor that a thread packs at once, for `rows` rows of the left factor.
    fn group(&self, rows: usize) -> usize {
        let cached = !self.left.transposed && rows * self.left.columns.min(DEPTH) <= CACHED_ROWS;
        // Short pieces of long rows would take several times as long to read: each would need another page.
        let contiguous = self.right.transposed;
        if cached && contiguous { GROUP } else { self.right.columns }
    }
}

impl Job for Product<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        match has_wide_tiles(S::REGISTER_COUNT) {
            true => self.run_in_tiles::<S, { TILES[0] }>(simd, member),
            false => self.run_in_tiles::<S, { TILES[1] }>(simd, member),
        }
    }
}

impl Product<'_> {
    /// Computes one thread's part of the product. A transposed left factor is copied to tiles of `T` rows.
    #[inline(always)]
    fn run_in_tiles<S: Simd, const T: usize>(&self, simd: S, member: &Member) {
        let Self { left, right, bias, to } = *self;
        let (rows, columns) = match self.divides_columns() {
            true => (0..left.rows, member_units(member, right.columns)),
            false => {
                let tiles = member.part(left.rows.div_ceil(T));
                let row = |tile: usize| left.rows.min(tile * T);
                (row(tiles.start)..row(tiles.end), 0..right.columns)
            }
        };
        let indices: Vec<usize> = rows.clone().collect();
        let gathered = rows.len().next_multiple_of(T).min(GATHERED) * DEPTH.min(left.columns);
        let mut memory = Aligned::new(if left.transposed { gathered } else { 0 });
        let blocks = left.columns.div_ceil(DEPTH);
        let groups = vectors(columns, self.group(rows.len()));
        for (columns, block) in groups.flat_map(|group| (0..blocks).map(move |block| (group.clone(), block))) {
            let depth = left.columns * block / blocks..left.columns * (block + 1) / blocks;
            let panels = right.pack(simd, depth.clone(), columns);
            let plus = match bias {
                _ if block > 0 => Plus::Old,
                Some(bias) => Plus::Bias(bias),
                None => Plus::Nothing,
            };
            // SAFETY: only this thread writes its rows and columns.
            let to = |row: usize, columns: Range<usize>| unsafe {
                to.write(row * right.columns + columns.start, columns.len())
            };
            if !left.transposed {
                let row = |row: usize| left.stored(row, depth.clone());
                for rows in cache_blocks(&indices, depth.len()) {
                    for panel in 0..panels.count() {
                        multiply_to(simd, rows, row, &panels, panel, plus, to);
                    }
                }
                continue;
            }
            for rows in vectors(rows.clone(), GATHERED) {
                gather::<T>(depth.len(), |k| left.stored(depth.start + k, rows.clone()), memory.values_mut());
                let tiles = memory.values().chunks_exact(depth.len() * T);
                for (turn, (rows, tile)) in vectors(rows, T).zip(tiles).enumerate() {
                    let to = |row: usize, columns: Range<usize>| to(rows.start + row, columns);
                    for panel in serpentine(turn, panels.count()) {
                        outer::<S, T>(simd, tile, &panels, panel, rows.len(), plus, to);
                    }
                }
            }
        }
    }
}

/// The number of rows that [`sum_of_rows`] adds up before it adds their sum to the total, which reduces rounding
/// errors.
const SUM_ROWS: usize = 256;

/// The sum of the rows of a row-major matrix, `[columns]`.
pub(crate) fn sum_of_rows(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut total = vec![0.0; columns];
    let threads = (matrix.len() / MIN_PARALLEL_WORK).clamp(1, columns.div_ceil(lanes()));
    run_team(threads, matrix.len(), &SumOfRows { matrix, columns, total: Shared::new(&mut total) });
    total
}

struct SumOfRows<'a> {
    matrix: &'a [f32],
    columns: usize,
    total: Shared<'a>,
}

impl Job for SumOfRows<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { matrix, columns, total } = *self;
        let own = member_units(member, columns);
        // SAFETY: only this thread uses its columns.
        let total = unsafe { total.write(own.start, own.len()) };
        let mut sums = Aligned::new(own.len());
        let sums = sums.values_mut();
        for rows in matrix.chunks(SUM_ROWS * columns) {
            sums.fill(0.0);
            for row in rows.chunks_exact(columns) {
                add(simd, sums, &row[own.clone()]);
            }
            add(simd, total, sums);
        }
    }
}

/// Adds `values` to `sums` elementwise.
#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut [f32], values: &[f32]) {
    let parts = sums.chunks_mut(S::F32_LANES).zip(values.chunks(S::F32_LANES));
    for (sums, values) in parts {
        store(simd, sums, simd.add_f32s(load(simd, sums), load(simd, values)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_sums_in_double_precision() {
        let value = |index: usize| ((index * 7919) % 1009) as f32 / 500.0 - 1.0;
        for [rows, depth, columns] in
            [[1, 1, 1], [7, 19, 33], [40, 3, 500], [300, 20, 7], [17, 1601, 250], [650, 9, 260]]
        {
            let [left, right] = [rows * depth, depth * columns].map(|size| (0..size).map(value).collect::<Vec<_>>());
            let bias: Vec<f32> = (0..columns).map(value).collect();
            let at = |matrix: &[f32], shape: [usize; 2], transposed: bool, row: usize, column: usize| {
                f64::from(if transposed { matrix[column * shape[0] + row] } else { matrix[row * shape[1] + column] })
            };
            for (transposed, biased) in [(0, true), (1, false), (2, true), (3, false), (3, true)] {
                let [of_left, of_right] = [transposed & 1 == 1, transposed & 2 == 2];
                let left_view = Matrix { values: &left, rows, columns: depth, transposed: of_left };
                let right_view = Matrix { values: &right, rows: depth, columns, transposed: of_right };
                let found = product(left_view, right_view, biased.then_some(&bias[..]));
                for (index, found) in found.into_iter().enumerate() {
                    let (row, column) = (index / columns, index % columns);
                    let term = |k| {
                        at(&left, [rows, depth], of_left, row, k) * at(&right, [depth, columns], of_right, k, column)
                    };
                    let start = if biased { bias[column].into() } else { 0.0 };
                    let exact = start + (0..depth).map(term).sum::<f64>();
                    let magnitude = 1.0 + (0..depth).map(|k| term(k).abs()).sum::<f64>();
                    let error = (f64::from(found) - exact).abs();
                    assert!(error <= 1e-6 * magnitude, "{rows} {depth} {columns} {transposed}: {error}");
                }
            }
        }
    }
}
