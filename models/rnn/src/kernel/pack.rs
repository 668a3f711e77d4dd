//! Packing: copies matrices into panels (blocks of columns), in the order in which [`multiply`](super::simd::multiply)
//! reads them.

use std::array;
use std::ops::Range;

use pulp::Simd;

use super::int8::Int8Panels;
use super::memory::Aligned;
use super::simd::{MAX_ROWS, Sums, load, max_vectors, multiply, store};
use super::{CACHED_MATRIX, lanes};
use crate::Cell;

/// A matrix that is packed into panels. Each panel is a block of columns of shape `[depth, vectors × lanes]`, where
/// `depth` is the number of rows of the matrix, `vectors` the number of SIMD vectors per row of the panel, and `lanes`
/// the number of values per SIMD vector.
pub(crate) struct Panels {
    packed: Aligned,
    panels: Vec<Panel>,
    depth: usize,
    lanes: usize,
}

/// One panel of a packed matrix: a block of columns, stored as `vectors` SIMD vectors per row.
pub(crate) struct Panel {
    /// The index of the first value of the panel among the packed values of all panels.
    start: usize,
    /// The number of SIMD vectors per row.
    pub vectors: usize,
    /// The columns of the matrix that the panel contains; if [`of_gates`](Panels::of_gates) has packed the matrix, the
    /// hidden units. If they do not fill a SIMD vector, the rest of the vector is zero.
    pub covers: Range<usize>,
}

impl Panels {
    /// Packs the weights of the hidden units `units` from a weight matrix `[gates × hidden, depth]`. Each panel (block
    /// of columns) has the weights of all gates for one SIMD vector of hidden units, so that one product of an input or
    /// state with a panel gives the values of all gates for these units.
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
                transpose(rows, depth, 0..depth, &mut values[gate * lanes..], gates * lanes);
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
        let mut new = Self::unfilled::<S>(depth, columns);
        let (values, lanes) = (new.packed.values_mut(), new.lanes);
        for k in 0..depth {
            let row = row(k);
            for Panel { start, vectors, covers } in &new.panels {
                let to = &mut values[start + k * vectors * lanes..][..vectors * lanes];
                for (columns, to) in super::vectors(covers.clone(), lanes).zip(to.chunks_exact_mut(lanes)) {
                    store(simd, to, load(simd, &row[columns]));
                }
            }
        }
        new
    }

    /// Packs a part of the transpose of a row-major matrix whose rows have `width` values. Row `c` of the matrix
    /// becomes column `c` of the transpose. The function packs the rows `columns` of the matrix, and of each of these
    /// rows only the values at the indices `depth`.
    #[inline(always)]
    pub fn of_rows<S: Simd>(matrix: &[f32], width: usize, depth: Range<usize>, columns: Range<usize>) -> Self {
        let mut new = Self::unfilled::<S>(depth.len(), columns);
        let (values, lanes) = (new.packed.values_mut(), new.lanes);
        for Panel { start, vectors, covers } in &new.panels {
            let to = &mut values[*start..][..depth.len() * vectors * lanes];
            if covers.len() < vectors * lanes {
                to.fill(0.0);
            }
            transpose(&matrix[covers.start * width..covers.end * width], width, depth.clone(), to, vectors * lanes);
        }
        new
    }

    /// Allocates panels for the given columns. Their values are unspecified.
    fn unfilled<S: Simd>(depth: usize, columns: Range<usize>) -> Self {
        let lanes = S::F32_LANES;
        let vectors = columns.len().div_ceil(lanes);
        let count = vectors.div_ceil(max_vectors(S::REGISTER_COUNT));
        let panel = |index: usize| {
            let [first, end] = [vectors * index / count, vectors * (index + 1) / count];
            let covers = columns.start + first * lanes..columns.end.min(columns.start + end * lanes);
            Panel { start: first * lanes * depth, vectors: end - first, covers }
        };
        Self { packed: Aligned::new(vectors * lanes * depth), panels: (0..count).map(panel).collect(), depth, lanes }
    }

    pub fn count(&self) -> usize {
        self.panels.len()
    }

    /// The number of packed values.
    pub fn len(&self) -> usize {
        self.packed.values().len()
    }

    /// Returns the indices of the panels (blocks of columns) of the hidden units `units`. [`of_gates`](Self::of_gates)
    /// must have packed all hidden units, from unit 0 on, and `units.start` must be a multiple of the number of lanes
    /// of a SIMD vector.
    #[inline(always)]
    pub fn of_units(&self, units: &Range<usize>) -> Range<usize> {
        units.start / self.lanes..units.end.div_ceil(self.lanes)
    }

    /// Returns the panel (block of columns) with the given index, and its packed values.
    pub fn panel(&self, index: usize) -> (&Panel, &[f32]) {
        let panel = &self.panels[index];
        let length = self.depth * panel.vectors * self.lanes;
        (panel, &self.packed.values()[panel.start..][..length])
    }
}

/// A weight matrix `[gates × units, depth]` that is packed once for many products. Each panel (block of columns) has
/// the weights of all gates for one SIMD vector of hidden units.
pub(crate) enum PackedWeights {
    /// Weights as 32-bit floats.
    Single(Panels),
    /// Weights with 8 bits.
    Int8(Int8Panels),
}

impl PackedWeights {
    /// Packs a weight matrix `[gates × units, depth]`. `int8`: whether to store the weights with 8 bits.
    pub fn new(matrix: &[f32], units: usize, gates: usize, int8: bool) -> Self {
        match int8 {
            true => Self::Int8(Int8Panels::of_gates(matrix, units, gates, lanes())),
            false => Self::Single(Panels::of_gates(matrix, units, 0..units, gates, lanes())),
        }
    }

    /// The number of packed weights, including padding.
    pub fn len(&self) -> usize {
        match self {
            Self::Single(panels) => panels.len(),
            Self::Int8(panels) => panels.len(),
        }
    }

    /// Returns the hidden units of a panel (block of columns of the packed matrix).
    #[inline(always)]
    pub fn units(&self, panel: usize) -> Range<usize> {
        match self {
            Self::Single(panels) => panels.panel(panel).0.covers.clone(),
            Self::Int8(panels) => panels.units(panel),
        }
    }

    /// Multiplies a few rows by a panel (block of columns). `tile` has the indices of the rows, and `row` returns the
    /// values of a row. Writes `start` plus the product of each row to `sums`; entries beyond the last row do not
    /// change.
    #[inline(always)]
    pub fn multiply<'a, S: Simd, const V: usize>(
        &self,
        simd: S,
        panel: usize,
        tile: &[usize],
        row: impl Fn(usize) -> &'a [f32],
        start: &[S::f32s; V],
        sums: &mut Sums<S, V>,
    ) {
        match self {
            Self::Single(panels) => multiply::<S, V>(simd, tile, row, (panels.panel(panel).1, None), start, sums),
            Self::Int8(panels) => panels.multiply::<S, V>(simd, panel, tile, row, start, sums),
        }
    }
}

/// Returns the indices of the panels (blocks of columns) that have the weights of the hidden units `units`. The matrix
/// must have one panel per SIMD vector of hidden units, and `units` must start at the first unit of a vector.
#[inline(always)]
pub(crate) fn panels_of<S: Simd>(units: &Range<usize>) -> Range<usize> {
    units.start / S::F32_LANES..units.end.div_ceil(S::F32_LANES)
}

/// The number of multiplications of a job below which one thread is faster than several threads, because threads take
/// microseconds to wake.
const MIN_PARALLEL_WORK: usize = if cfg!(test) { 1 } else { 1 << 20 };

/// The largest useful number of threads for a job with `work` multiplications. The threads divide the hidden units
/// `0..units` among themselves.
pub(crate) fn max_threads(work: usize, units: usize) -> usize {
    if work < MIN_PARALLEL_WORK { 1 } else { units.div_ceil(lanes()) }
}

/// The weight matrices of a layer, packed for all hidden units.
pub(crate) struct PackedMatrices<P = Panels> {
    /// The input weights of all gates.
    pub input: P,
    /// The recurrent weights of all gates; for [`Cell::GruResetBefore`], only of the gates r and z.
    pub recurrent: P,
    /// The recurrent weights of the candidate n of [`Cell::GruResetBefore`].
    pub candidate: Option<P>,
}

impl PackedMatrices {
    /// Packs a matrix of input weights, `[gates × hidden, input]`, and a matrix of recurrent weights,
    /// `[gates × hidden, hidden]`.
    pub fn new(cell: Cell, hidden_size: usize, weight_ih: &[f32], weight_hh: &[f32]) -> Self {
        let pack = |matrix: &[f32], gates| Panels::of_gates(matrix, hidden_size, 0..hidden_size, gates, lanes());
        Self::with(cell, hidden_size, weight_ih, weight_hh, pack)
    }
}

impl<P> PackedMatrices<P> {
    /// Packs a matrix of input weights, `[gates × hidden, input]`, and a matrix of recurrent weights,
    /// `[gates × hidden, hidden]`. Calls `pack` with each matrix and its number of gates.
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

/// The panels (blocks of columns of the packed weights) of the hidden units that one thread computes.
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

    /// Returns the panel (block of columns) with the given index in this part, and its packed values.
    #[inline(always)]
    pub fn panel(&self, index: usize) -> (&'a Panel, &'a [f32]) {
        self.panels.panel(self.indices.start + index)
    }

    /// Returns the values to prefetch while panel (block of columns) `index` is multiplied: the values of the panel
    /// that [`serpentine`] visits next in pass number `turn`. Returns `None` if no panel follows in this pass, or if
    /// all panels fit the cache.
    #[inline(always)]
    pub fn next_panel(&self, turn: usize, index: usize) -> Option<&'a [f32]> {
        let next = if turn.is_multiple_of(2) { index + 1 } else { index.wrapping_sub(1) };
        let (_, values) = (next < self.count()).then(|| self.panel(next))?;
        (self.count() * values.len() > CACHED_MATRIX).then_some(values)
    }
}

/// Writes the transpose of some columns of a matrix to `to`. Both are row-major: the rows of `matrix` have `length`
/// values, and the rows of `to` have `width` values. The values at the indices `depth` of row `r` of `matrix` become
/// column `r` of `to`.
fn transpose(matrix: &[f32], length: usize, depth: Range<usize>, to: &mut [f32], width: usize) {
    // The loop reads long runs of each row, because the rows are far apart in memory, and processors load values ahead
    // only along a row. The runs have 256 values, so that most of the destination stays in the L1 cache. The values of
    // four rows are stored together, because they are next to each other in the destination.
    const RUN: usize = 256;
    const ROWS: usize = 4;
    for first in (0..depth.len()).step_by(RUN) {
        let run = depth.start + first..depth.end.min(depth.start + first + RUN);
        for (group, rows) in matrix.chunks(ROWS * length).enumerate() {
            let mut transposed = 0;
            if rows.len() == ROWS * length {
                let [a, b, c, d] = array::from_fn(|row| rows[row * length..][run.clone()].as_chunks::<4>().0);
                for (tile, (((a, b), c), d)) in a.iter().zip(b).zip(c).zip(d).enumerate() {
                    for k in 0..4 {
                        let to = &mut to[(first + 4 * tile + k) * width + ROWS * group..];
                        to[..ROWS].copy_from_slice(&[a[k], b[k], c[k], d[k]]);
                    }
                }
                transposed = 4 * a.len();
            }
            for (column, row) in rows.chunks_exact(length).enumerate() {
                for k in transposed..run.len() {
                    to[(first + k) * width + ROWS * group + column] = row[run.start + k];
                }
            }
        }
    }
}

/// Copies `count` rows to tiles of `T` columns each, `[tiles, count, T]`, for [`outer`](super::simd::outer). If
/// the rows do not fill the last tile, the rest of the tile does not change.
///
/// The function reads each row from its start to its end. To fill one tile after the other would take several times as
/// long, because the rows are far apart in memory, and each access would need another memory page.
#[inline(always)]
pub(crate) fn gather<'a, const T: usize>(count: usize, row: impl Fn(usize) -> &'a [f32], tiles: &mut [f32]) {
    let (tiles, _) = tiles.as_chunks_mut::<T>();
    for index in 0..count {
        let (whole, rest) = row(index).as_chunks::<T>();
        for (tile, values) in whole.iter().enumerate() {
            tiles[tile * count + index] = *values;
        }
        if !rest.is_empty() {
            tiles[whole.len() * count + index][..rest.len()].copy_from_slice(rest);
        }
    }
}

/// The largest number of values of a block of rows that stays in the cache while it is multiplied by all panels.
pub(crate) const CACHED_ROWS: usize = 1 << 17;

/// Splits rows of `depth` values each into blocks of rows that fit the cache.
pub(crate) fn cache_blocks(rows: &[usize], depth: usize) -> impl Iterator<Item = &[usize]> {
    rows.chunks((CACHED_ROWS / MAX_ROWS / depth.max(1)).max(1) * MAX_ROWS)
}

/// The order in which pass number `turn` visits `count` panels (blocks of columns): `0..count`, reversed if `turn` is
/// odd. Each pass thus starts with the panels that the previous pass has left in the cache.
#[inline(always)]
pub(crate) fn serpentine(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| if turn.is_multiple_of(2) { index } else { count - 1 - index })
}
