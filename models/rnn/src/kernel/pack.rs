//! Packing: copies matrices into panels (blocks of columns), in the order in which [`multiply`](super::simd::multiply)
//! reads them.

use std::ops::Range;

use pulp::Simd;

use super::CACHED_MATRIX;
use super::memory::Aligned;
use super::simd::{TILE, load, max_vectors, store};

/// A matrix that is packed into panels. Each panel is a block of columns of shape `[depth, vectors × lanes]`, where
/// `depth` is the number of rows of the matrix and `lanes` the number of values per SIMD vector.
pub(crate) struct Panels {
    packed: Aligned,
    panels: Vec<Panel>,
    depth: usize,
    lanes: usize,
}

/// One panel of a packed matrix: a block of columns, stored as `vectors` SIMD vectors per row.
pub(crate) struct Panel {
    start: usize,
    pub vectors: usize,
    /// The columns of the matrix, or the hidden units, that the panel contains. The last SIMD vector is filled with
    /// zeros.
    pub covers: Range<usize>,
}

impl Panels {
    /// Packs a weight matrix `[gates × hidden, depth]` into one panel per SIMD vector of `units`. A vector of `depth`
    /// values times a panel gives the products of all gates for these units.
    pub fn of_gates(matrix: &[f32], hidden_size: usize, units: Range<usize>, gates: usize, lanes: usize) -> Self {
        let depth = matrix.len() / (gates * hidden_size);
        let panels: Vec<_> = super::vectors(units, lanes)
            .enumerate()
            .map(|(index, covers)| Panel { start: index * depth * gates * lanes, vectors: gates, covers })
            .collect();
        let mut packed = Aligned::new(panels.len() * depth * gates * lanes);
        for (values, Panel { covers, .. }) in packed.values_mut().chunks_exact_mut(depth * gates * lanes).zip(&panels) {
            if covers.len() < lanes {
                values.fill(0.0);
            }
            for gate in 0..gates {
                let rows = &matrix[(gate * hidden_size + covers.start) * depth..][..covers.len() * depth];
                transpose(rows, depth, &mut values[gate * lanes..], gates * lanes);
            }
        }
        Self { packed, panels, depth, lanes }
    }

    /// Packs the given columns of a matrix with `depth` rows. `row` returns a row of the matrix.
    #[inline(always)]
    pub fn of_columns<'a, S: Simd>(
        simd: S,
        depth: usize,
        row: impl Fn(usize) -> &'a [f32],
        columns: Range<usize>,
    ) -> Self {
        let lanes = S::F32_LANES;
        let vectors = columns.len().div_ceil(lanes);
        let count = vectors.div_ceil(max_vectors(S::REGISTER_COUNT));
        let panel = |index: usize| {
            let [first, end] = [vectors * index / count, vectors * (index + 1) / count];
            let covers = columns.start + first * lanes..columns.end.min(columns.start + end * lanes);
            Panel { start: first * lanes * depth, vectors: end - first, covers }
        };
        let panels: Vec<_> = (0..count).map(panel).collect();
        let mut packed = Aligned::new(vectors * lanes * depth);
        let values = packed.values_mut();
        for k in 0..depth {
            let row = row(k);
            for Panel { start, vectors, covers } in &panels {
                let to = &mut values[start + k * vectors * lanes..][..vectors * lanes];
                for (columns, to) in super::vectors(covers.clone(), lanes).zip(to.chunks_exact_mut(lanes)) {
                    store(simd, to, load(simd, &row[columns]));
                }
            }
        }
        Self { packed, panels, depth, lanes }
    }

    pub fn count(&self) -> usize {
        self.panels.len()
    }

    /// The number of packed values.
    pub fn len(&self) -> usize {
        self.packed.values().len()
    }

    /// The indices of the panels that [`of_gates`](Self::of_gates) has made for `units`, which begin at a whole vector.
    #[inline(always)]
    pub fn of_units(&self, units: &Range<usize>) -> Range<usize> {
        units.start / self.lanes..units.end.div_ceil(self.lanes)
    }

    /// The values of the panel that [`serpentine`] visits after panel `index` in this `turn`, so that they can be
    /// prefetched. Returns `None` after the last panel, and if all panels fit the cache.
    pub fn next_panel(&self, turn: usize, index: usize) -> Option<&[f32]> {
        let next = if turn.is_multiple_of(2) { index + 1 } else { index.wrapping_sub(1) };
        (self.len() > CACHED_MATRIX && next < self.count()).then(|| self.panel(next).1)
    }

    /// Returns the panel with an index, and its packed values.
    pub fn panel(&self, index: usize) -> (&Panel, &[f32]) {
        let panel = &self.panels[index];
        let length = self.depth * panel.vectors * self.lanes;
        (panel, &self.packed.values()[panel.start..][..length])
    }
}

/// Transposes: writes each of the `rows`, which have `depth` values, to one column of the row-major matrix `to` with
/// `width` columns.
fn transpose(rows: &[f32], depth: usize, to: &mut [f32], width: usize) {
    // The loop runs over blocks, so that source and destination stay in the L1 cache.
    for block in (0..depth).step_by(16) {
        for (column, row) in rows.chunks_exact(depth).enumerate() {
            for k in block..depth.min(block + 16) {
                to[k * width + column] = row[k];
            }
        }
    }
}

/// The number of values of a block of rows that stays in the cache while all panels are multiplied with it.
const CACHED_ROWS: usize = 1 << 17;

/// Splits rows of `depth` values each into blocks of rows that fit the cache.
pub(crate) fn cache_blocks(rows: &[usize], depth: usize) -> impl Iterator<Item = &[usize]> {
    rows.chunks((CACHED_ROWS / TILE / depth.max(1)).max(1) * TILE)
}

/// The indices `0..count`, in reverse order if `turn` is odd. Each turn thus starts with the panels that the previous
/// turn has left in the cache.
#[inline(always)]
pub(crate) fn serpentine(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| if turn.is_multiple_of(2) { index } else { count - 1 - index })
}
