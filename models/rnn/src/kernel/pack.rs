//! Matrices laid out for [`multiply`](super::simd::multiply): panels of a few vectors, read from front to back.

use std::ops::Range;

use pulp::Simd;

use super::LARGEST_MATRIX;
use super::memory::Aligned;
use super::simd::{TILE, load, most_vectors, store};

/// A matrix cut into panels `[depth, vectors × lanes]`.
pub(crate) struct Panels {
    packed: Aligned,
    panels: Vec<Panel>,
    depth: usize,
    lanes: usize,
}

/// Some vectors of [`Panels`].
pub(crate) struct Panel {
    start: usize,
    pub vectors: usize,
    /// The columns, or the units, that it covers. Zeros fill its last vector.
    pub covers: Range<usize>,
}

impl Panels {
    /// Of a matrix `[gates × H, depth]` a panel for each vector of `units`: a row's product with it is all gates of its
    /// units.
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

    /// The given columns of `depth` rows.
    #[inline(always)]
    pub fn of_columns<'a, S: Simd>(
        simd: S,
        depth: usize,
        row: impl Fn(usize) -> &'a [f32],
        columns: Range<usize>,
    ) -> Self {
        let lanes = S::F32_LANES;
        let vectors = columns.len().div_ceil(lanes);
        let count = vectors.div_ceil(most_vectors(S::REGISTER_COUNT));
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

    /// The values of the panel after one in [`to_and_fro`], where all panels are more than a core's cache holds.
    pub fn ahead(&self, turn: usize, index: usize) -> Option<&[f32]> {
        let next = if turn.is_multiple_of(2) { index + 1 } else { index.wrapping_sub(1) };
        (self.packed.values().len() > LARGEST_MATRIX && next < self.count()).then(|| self.panel(next).1)
    }

    /// A panel, and its values.
    pub fn panel(&self, index: usize) -> (&Panel, &[f32]) {
        let panel = &self.panels[index];
        let length = self.depth * panel.vectors * self.lanes;
        (panel, &self.packed.values()[panel.start..][..length])
    }
}

/// Rows of `depth` values become the first columns of a matrix of some width.
fn transpose(rows: &[f32], depth: usize, to: &mut [f32], width: usize) {
    // Blocks, as both sides then stay in the nearest cache.
    for block in (0..depth).step_by(16) {
        for (column, row) in rows.chunks_exact(depth).enumerate() {
            for k in block..depth.min(block + 16) {
                to[k * width + column] = row[k];
            }
        }
    }
}

/// Values of rows that stay in a core's cache while one panel after the other is multiplied with them.
const CACHED: usize = 1 << 17;

/// Cuts rows of `depth` values into as many as stay in the cache.
pub(crate) fn at_once(rows: &[usize], depth: usize) -> impl Iterator<Item = &[usize]> {
    rows.chunks((CACHED / TILE / depth.max(1)).max(1) * TILE)
}

/// `0..count`, in reverse at every other turn: what the last turn read last is still in the cache.
#[inline(always)]
pub(crate) fn to_and_fro(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| if turn.is_multiple_of(2) { index } else { count - 1 - index })
}
