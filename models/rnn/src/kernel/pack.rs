//! Matrices laid out for [`multiply`](super::simd::multiply): panels of a few vectors, read from front to back.

use std::ops::Range;

use super::memory::Aligned;

/// A matrix `[gates × H, depth]` as panels `[depth, gates × lanes]`, one for each vector of `units`: a row's product with
/// a panel is all gates of `lanes` units. Zeros stand for units beyond the last.
pub(crate) fn gates(matrix: &[f32], hidden_size: usize, units: Range<usize>, gates: usize, lanes: usize) -> Aligned {
    let depth = matrix.len() / (gates * hidden_size);
    let width = gates * lanes;
    let mut packed = Aligned::new(units.len().div_ceil(lanes) * depth * width);
    for (panel, first) in packed.values_mut().chunks_exact_mut(depth * width).zip(units.clone().step_by(lanes)) {
        let end = units.end.min(first + lanes);
        if end < first + lanes {
            panel.fill(0.0);
        }
        for gate in 0..gates {
            // Blocks, as both sides then stay in the nearest cache.
            for block in (0..depth).step_by(16) {
                for unit in first..end {
                    let row = &matrix[(gate * hidden_size + unit) * depth..][..depth];
                    let column = gate * lanes + unit - first;
                    for k in block..depth.min(block + 16) {
                        panel[k * width + column] = row[k];
                    }
                }
            }
        }
    }
    packed
}

/// The most vectors of a panel: with [`MOST_ROWS`](super::simd) sums for each they fill the registers.
pub(crate) const MOST_VECTORS: usize = 3;

/// Columns of a matrix, cut into panels `[depth, vectors × lanes]`.
pub(crate) struct Columns {
    packed: Aligned,
    panels: Vec<Panel>,
    depth: usize,
    lanes: usize,
}

/// Some vectors of [`Columns`].
pub(crate) struct Panel {
    start: usize,
    pub vectors: usize,
    /// The columns it covers. Zeros fill its last vector.
    pub columns: Range<usize>,
}

impl Columns {
    /// The given columns of `depth` rows.
    pub fn new<'a>(depth: usize, row: impl Fn(usize) -> &'a [f32], columns: Range<usize>, lanes: usize) -> Self {
        let vectors = columns.len().div_ceil(lanes);
        let count = vectors.div_ceil(MOST_VECTORS);
        let panel = |index: usize| {
            let [first, end] = [vectors * index / count, vectors * (index + 1) / count];
            let columns = columns.start + first * lanes..columns.end.min(columns.start + end * lanes);
            Panel { start: first * lanes * depth, vectors: end - first, columns }
        };
        let panels: Vec<_> = (0..count).map(panel).collect();
        let mut packed = Aligned::new(vectors * lanes * depth);
        let values = packed.values_mut();
        for k in 0..depth {
            let row = row(k);
            for Panel { start, vectors, columns } in &panels {
                let width = vectors * lanes;
                let (to, beyond) = values[start + k * width..][..width].split_at_mut(columns.len());
                to.copy_from_slice(&row[columns.clone()]);
                beyond.fill(0.0);
            }
        }
        Self { packed, panels, depth, lanes }
    }

    pub fn count(&self) -> usize {
        self.panels.len()
    }

    /// A panel, and its values.
    pub fn panel(&self, index: usize) -> (&Panel, &[f32]) {
        let panel = &self.panels[index];
        let length = self.depth * panel.vectors * self.lanes;
        (panel, &self.packed.values()[panel.start..][..length])
    }
}

/// `0..count`, in reverse at every other turn: what the last turn read last is still in the cache.
#[inline(always)]
pub(crate) fn to_and_fro(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| if turn.is_multiple_of(2) { index } else { count - 1 - index })
}
