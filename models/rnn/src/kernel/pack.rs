//! Packing: copies matrices into panels (blocks of columns), in the order in which [`multiply`](super::simd::multiply)
//! reads them.

use std::ops::Range;

use pulp::Simd;

use super::memory::Aligned;
use super::simd::{TILE, load, max_vectors, store};
use super::{CACHED_MATRIX, lanes};
use crate::Cell;

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

    /// Returns the panel with an index, and its packed values.
    pub fn panel(&self, index: usize) -> (&Panel, &[f32]) {
        let panel = &self.panels[index];
        let length = self.depth * panel.vectors * self.lanes;
        (panel, &self.packed.values()[panel.start..][..length])
    }
}

/// The weight matrices of a layer, packed for all units.
pub(crate) struct PackedMatrices<P = Panels> {
    /// The input weights of all gates.
    pub input: P,
    /// The recurrent weights of all gates; of r and z for [`Cell::GruResetBefore`].
    pub recurrent: P,
    /// The recurrent weights of the candidate n of [`Cell::GruResetBefore`].
    pub candidate: Option<P>,
}

impl PackedMatrices {
    /// Packs matrices of the shapes `[gates × hidden, input]` and `[gates × hidden, hidden]`.
    pub fn new(cell: Cell, hidden_size: usize, weight_ih: &[f32], weight_hh: &[f32]) -> Self {
        let pack = |matrix: &[f32], gates| Panels::of_gates(matrix, hidden_size, 0..hidden_size, gates, lanes());
        Self::with(cell, hidden_size, weight_ih, weight_hh, pack)
    }
}

impl<P> PackedMatrices<P> {
    /// Packs matrices of the shapes `[gates × hidden, input]` and `[gates × hidden, hidden]` with `pack`, which gets a
    /// matrix and its number of gates.
    pub fn with(
        cell: Cell,
        hidden_size: usize,
        weight_ih: &[f32],
        weight_hh: &[f32],
        pack: impl Fn(&[f32], usize) -> P,
    ) -> Self {
        let (recurrent, candidate) = match cell {
            Cell::GruResetBefore => {
                let (weight_rz, weight_n) = weight_hh.split_at(2 * hidden_size * hidden_size);
                (pack(weight_rz, 2), Some(pack(weight_n, 1)))
            }
            _ => (pack(weight_hh, cell.gates()), None),
        };
        Self { input: pack(weight_ih, cell.gates()), recurrent, candidate }
    }
}

/// The panels of the units of one thread.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    panels: &'a Panels,
    indices: Range<usize>,
}

impl<'a> Part<'a> {
    /// Returns the panels of `packed` that belong to `units`. If `packed` is `None`, calls `pack` to pack the weights
    /// of these units, stores the panels in `own`, and returns all of them.
    pub fn of_units(
        packed: Option<&'a Panels>,
        units: &Range<usize>,
        own: &'a mut Option<Panels>,
        pack: impl FnOnce() -> Panels,
    ) -> Self {
        match packed {
            Some(panels) => Self { panels, indices: panels.of_units(units) },
            None => {
                let panels = own.insert(pack());
                Self { panels, indices: 0..panels.count() }
            }
        }
    }

    pub fn count(&self) -> usize {
        self.indices.len()
    }

    /// The panel with an index in this part, and its packed values.
    #[inline(always)]
    pub fn panel(&self, index: usize) -> (&'a Panel, &'a [f32]) {
        self.panels.panel(self.indices.start + index)
    }

    /// The values of the panel that [`serpentine`] visits after panel `index` in this `turn`, so that they can be
    /// prefetched. Returns `None` after the last panel, and if all panels fit the cache.
    #[inline(always)]
    pub fn next_panel(&self, turn: usize, index: usize) -> Option<&'a [f32]> {
        let next = if turn.is_multiple_of(2) { index + 1 } else { index.wrapping_sub(1) };
        let (_, values) = (next < self.count()).then(|| self.panel(next))?;
        (self.count() * values.len() > CACHED_MATRIX).then_some(values)
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
