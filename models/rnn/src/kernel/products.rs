//! The large matrix products of a recurrent layer. The forward pass takes the steps in blocks: before it loops over
//! the steps of a block, it computes the products of inputs and input weights for the whole block. After its loop over
//! the steps, the backward pass computes the gradients of the input and of the weight matrices from the gradients of
//! the gates.

use std::array;
use std::ops::Range;

use pulp::Simd;

use super::memory::{Aligned, Shared};
use super::pack::{Panels, Part, cache_blocks, gather, serpentine};
use super::simd::{Plus, TILES, has_wide_tiles, load, multiply, multiply_to, outer, store, sums_buffer, tiles};
use super::team::Member;
use super::{LayerArgs, Position, Share, member_units};

/// The workspace of a layer: several values per step and hidden unit, `[batch, steps, slots, hidden]`, for all steps or
/// for one block of steps. The index of a value among the values of a step and unit is called its slot.
///
/// The slots first hold the products of input and input weights. The forward pass replaces the products with the values
/// that the backward pass needs. The backward pass replaces these values with the gradients of the gates.
#[derive(Clone, Copy)]
pub(super) struct Workspace<'a> {
    pub memory: Shared<'a>,
    /// The number of steps for which the buffer has memory.
    pub steps: usize,
    /// The time step that is stored first in the buffer. It changes when the next block of steps reuses the buffer.
    pub first: usize,
    /// The number of values per step and hidden unit.
    pub slots: usize,
    pub layer: &'a LayerArgs<'a>,
}

impl<'a> Workspace<'a> {
    /// The index of the value in slot 0 of the first hidden unit in `position`.
    #[inline(always)]
    fn at(&self, position: &Position) -> usize {
        let row = position.sequence * self.steps + position.step - self.first;
        row * self.slots * self.layer.hidden_size + position.units.start
    }

    /// Loads the values of some slots of the workspace for a SIMD vector of hidden units.
    ///
    /// # Safety
    ///
    /// The buffer holds the step in `position` and all slots in `slots`. During the call, no other thread writes the
    /// loaded values.
    #[inline(always)]
    pub unsafe fn load<S: Simd, const K: usize>(
        &self,
        simd: S,
        position: &Position,
        slots: [usize; K],
    ) -> [S::f32s; K] {
        let first = self.at(position);
        let mut values = [simd.splat_f32s(0.0); K];
        for (value, slot) in values.iter_mut().zip(slots) {
            let at = first + slot * self.layer.hidden_size;
            // SAFETY: promised by the caller.
            *value = load(simd, unsafe { self.memory.read(at, position.units.len()) });
        }
        values
    }

    /// Writes the values of some slots of the workspace for a SIMD vector of hidden units: the first value to the first
    /// of `slots`, and so on. Values beyond the last slot are not written.
    ///
    /// # Safety
    ///
    /// The buffer holds the step in `position` and all slots in `slots`. During the call, no other thread reads or
    /// writes the values in the workspace that this function overwrites.
    #[inline(always)]
    pub unsafe fn store<S: Simd>(
        &self,
        simd: S,
        position: &Position,
        slots: impl IntoIterator<Item = usize>,
        values: &[S::f32s],
    ) {
        let first = self.at(position);
        for (slot, value) in slots.into_iter().zip(values) {
            let at = first + slot * self.layer.hidden_size;
            // SAFETY: promised by the caller.
            store(simd, unsafe { self.memory.write(at, position.units.len()) }, *value);
        }
    }

    /// Returns the values in the slots `slots` for all hidden units of one sequence at one step: `[slots, hidden]`. A
    /// slot is the index of a value among the values that the workspace holds per step and hidden unit. The argument
    /// `row` is `sequence × layer.time + step`. The workspace must hold the values of all steps.
    ///
    /// # Safety
    ///
    /// No thread writes the returned values while they are in use.
    #[inline(always)]
    pub unsafe fn row(&self, row: usize, slots: Range<usize>) -> &'a [f32] {
        let size = self.layer.hidden_size;
        // SAFETY: promised by the caller.
        unsafe { self.memory.read((row * self.slots + slots.start) * size, slots.len() * size) }
    }
}

/// The largest number of input rows per matrix product with the input weights, which is enough for full speed.
const BLOCK_ROWS: usize = 256;

/// The largest number of values of a block of input products, so that the products are still in the L2 caches when the
/// steps use them: 1 MiB for two cores, which divide the block.
const BLOCK_VALUES: usize = 1 << 18;

/// The number of steps whose input products are computed together, in one matrix product: as many as [`BLOCK_ROWS`] and
/// [`BLOCK_VALUES`] allow, but at least one.
pub(super) fn block_steps(layer: &LayerArgs) -> usize {
    let rows = BLOCK_ROWS.min(BLOCK_VALUES / (layer.cell.gates() * layer.hidden_size));
    (rows / layer.batch).clamp(1, layer.time)
}

/// Computes the products of inputs and input weights for the sequences and units of one thread, one block of steps at a
/// time.
pub(super) struct InputProducts<'a, S: Simd, const G: usize> {
    simd: S,
    workspace: Workspace<'a>,
    sequences: Range<usize>,
    weights: Part<'a>,
    /// For each gate, the slot to which its input product is written: the index among the values that the workspace
    /// holds per step and hidden unit.
    slots: [usize; G],
    /// For each gate, whether its recurrent bias `bias_hh` is already added to the product of input and input weights.
    bias_hh: [bool; G],
    /// The sequence and the step of each input row of the current block of steps.
    rows: Vec<[usize; 2]>,
    /// The indices of the input rows of the current block of steps: `0..rows.len()`.
    indices: Vec<usize>,
}

impl<'a, S: Simd, const G: usize> InputProducts<'a, S, G> {
    /// Prepares the products for the sequences and units in `share`; [`at`](Self::at) computes them. If the layer has
    /// no packed weights, packs the weights of these units and stores the packed weights in `own`.
    #[inline(always)]
    pub fn new(
        simd: S,
        workspace: Workspace<'a>,
        share: &Share,
        slots: [usize; G],
        bias_hh: [bool; G],
        own: &'a mut Option<Panels>,
    ) -> Self {
        let LayerArgs { weight_ih, hidden_size, packed, .. } = *workspace.layer;
        let pack = || Panels::of_gates(weight_ih, hidden_size, share.units.clone(), G, S::F32_LANES);
        let weights = Part::of_units(packed.map(|packed| &packed.input), &share.units, own, pack);
        let sequences = share.sequences.clone();
        Self { simd, workspace, sequences, weights, slots, bias_hh, rows: Vec::new(), indices: Vec::new() }
    }

    /// Returns the workspace, in which the input products of one step, including biases, are ready. The argument
    /// `index` counts the steps in the order in which the layer processes them, from 0. At the first step of a block,
    /// the products of the whole block are computed.
    ///
    /// # Safety
    ///
    /// No other thread uses the values in the workspace that belong to the sequences and units of this thread.
    #[inline(always)]
    pub unsafe fn at(&mut self, index: usize) -> Workspace<'a> {
        if index.is_multiple_of(block_steps(self.workspace.layer)) {
            // SAFETY: promised by the caller.
            unsafe { self.compute_block(index) };
        }
        self.workspace
    }

    /// Computes the input products of one block of steps. The argument `index` is the index of the first step of the
    /// block in the order in which the layer processes the steps, counted from 0.
    ///
    /// # Safety
    ///
    /// No other thread uses the values in the workspace that belong to the sequences and units of this thread.
    #[inline(always)]
    unsafe fn compute_block(&mut self, index: usize) {
        let layer = self.workspace.layer;
        let end = layer.time.min(index + block_steps(layer));
        if self.workspace.steps < layer.time {
            self.workspace.first = layer.step(index).min(layer.step(end - 1));
        }
        self.rows.clear();
        for sequence in self.sequences.clone() {
            let steps = (index..end).map(|index| layer.step(index));
            let steps = steps.filter(|&step| step < layer.length(sequence));
            self.rows.extend(steps.map(|step| [sequence, step]));
        }
        self.indices.clear();
        self.indices.extend(0..self.rows.len());
        let rows = &self.rows;
        let input = |index: usize| layer.input_at(rows[index][0] * layer.time + rows[index][1]);
        let mut products = sums_buffer::<S, G>(self.simd);
        for indices in cache_blocks(&self.indices, layer.input_size) {
            for panel in 0..self.weights.count() {
                let (panel, values) = self.weights.panel(panel);
                let units = &panel.covers;
                let bias = array::from_fn(|gate| self.bias(gate, units));
                for (tile, _) in tiles::<S, G>(indices, None) {
                    multiply::<S, G>(self.simd, tile, input, (values, None), &bias, &mut products);
                    for row in 0..tile.len() {
                        let [sequence, step] = rows[tile[row]];
                        let position = Position { sequence, step, units: units.clone() };
                        // SAFETY: promised by the caller.
                        unsafe { self.workspace.store(self.simd, &position, self.slots, &products[row]) };
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn bias(&self, gate: usize, units: &Range<usize>) -> S::f32s {
        let LayerArgs { bias_ih, bias_hh, hidden_size, .. } = *self.workspace.layer;
        let of_units = |bias: &[f32]| load(self.simd, &bias[gate * hidden_size..][units.clone()]);
        match self.bias_hh[gate] {
            true => self.simd.add_f32s(of_units(bias_ih), of_units(bias_hh)),
            false => of_units(bias_ih),
        }
    }
}

/// Computes the gradient of the input, `[batch, time, input]`, and writes it to `d_input`. Each item of `rows` is
/// `sequence × time + step`; each thread computes a part of the rows. The argument `slots` has, for each gate, the slot
/// that holds its gradient: the index among the values that the workspace `gradients` holds per step and hidden unit.
/// The slots are consecutive.
///
/// # Safety
///
/// No thread writes `gradients`, and nothing but this function uses `d_input`.
#[inline(always)]
pub(super) unsafe fn input_gradient<S: Simd, const G: usize>(
    simd: S,
    member: &Member,
    rows: &[usize],
    gradients: Workspace,
    slots: [usize; G],
    d_input: Shared,
) {
    let LayerArgs { input_size, hidden_size, weight_ih, .. } = *gradients.layer;
    let mut gates: [usize; G] = array::from_fn(|gate| gate);
    gates.sort_unstable_by_key(|&gate| slots[gate]);
    let first = slots[gates[0]];
    let weight = |k: usize| {
        let row = gates[k / hidden_size] * hidden_size + k % hidden_size;
        &weight_ih[row * input_size..][..input_size]
    };
    let weights = Panels::of_columns(simd, G * hidden_size, weight, 0..input_size);
    let rows = &rows[member.part(rows.len())];
    // SAFETY: promised by the caller.
    let gradient = |row: usize| unsafe { gradients.row(row, first..first + G) };
    // SAFETY: only this thread uses its rows.
    let to =
        |row: usize, columns: Range<usize>| unsafe { d_input.write(row * input_size + columns.start, columns.len()) };
    for rows in cache_blocks(rows, G * hidden_size) {
        for panel in 0..weights.count() {
            multiply_to(simd, rows, gradient, &weights, panel, Plus::Nothing, to);
        }
    }
}

/// A weight matrix whose gradient [`weight_gradients`] computes from the gradients of the gates, and the buffers for
/// the result.
pub(super) struct WeightGradient<'a> {
    /// For each gate from `first_gate` on, the slot that holds its gradient: the index among the values that the
    /// workspace holds per step and hidden unit.
    pub slots: &'a [usize],
    /// The index of the first gate whose gradients are computed.
    pub first_gate: usize,
    /// The number of hidden units, which is the number of rows per gate.
    pub hidden_size: usize,
    /// Whether this is a recurrent weight matrix. Steps that start from a zero state do not change its gradient.
    pub recurrent: bool,
    /// The number of columns of the weight matrix.
    pub size: usize,
    /// Returns the vector with which the forward pass multiplied the weight matrix, for row `sequence × time + step`:
    /// the input, the hidden state, or `r ⊙ h` (reset gate times hidden state).
    pub at: &'a dyn Fn(usize) -> &'a [f32],
    /// The gradient of the weight matrix, `[gates × hidden, size]`.
    pub d_weight: Shared<'a>,
    /// The gradient of the bias, `[gates × hidden]`.
    pub d_bias: Shared<'a>,
}

/// The largest number of rows (pairs of a sequence and a step) per matrix product. The gradient of a weight matrix is
/// the sum of these products.
const DEPTH: usize = 256;

/// Computes the gradients of weight matrices and biases as sums over all `rows`. Each item of `rows` is
/// `sequence × time + step`. Each thread computes the gradients of some hidden units.
///
/// # Safety
///
/// No thread writes `gradients`, and nothing but this function uses the buffers of `weights`.
#[inline(always)]
pub(super) unsafe fn weight_gradients<S: Simd, const K: usize>(
    simd: S,
    member: &Member,
    rows: &[usize],
    gradients: Workspace,
    weights: [WeightGradient; K],
) {
    // SAFETY: promised by the caller.
    unsafe {
        match has_wide_tiles(S::REGISTER_COUNT) {
            true => gradients_in_tiles::<S, K, { TILES[0] }>(simd, member, rows, gradients, weights),
            false => gradients_in_tiles::<S, K, { TILES[1] }>(simd, member, rows, gradients, weights),
        }
    }
}

/// Does the work of [`weight_gradients`] in tiles of `T` hidden units.
///
/// # Safety
///
/// The same as for [`weight_gradients`].
#[inline(always)]
unsafe fn gradients_in_tiles<S: Simd, const K: usize, const T: usize>(
    simd: S,
    member: &Member,
    rows: &[usize],
    gradients: Workspace,
    weights: [WeightGradient; K],
) {
    let layer = gradients.layer;
    let units = member_units(member, layer.hidden_size);
    // The steps whose state before the step is zero come last, because they do not change the gradient of the recurrent
    // weights.
    let is_first = |row: usize| layer.step_before(row / layer.time, row % layer.time).is_none();
    let (first, later) = match layer.starts_from_zero() {
        true => rows.iter().partition(|&&row| is_first(row)),
        false => (Vec::new(), rows.to_vec()),
    };
    let blocks = later.chunks(DEPTH).map(|rows| (rows, false)).chain(first.chunks(DEPTH).map(|rows| (rows, true)));
    let mut left = Aligned::new(DEPTH * units.len().next_multiple_of(T));
    for (block, (rows, from_zero)) in blocks.enumerate() {
        let mut right = Vec::with_capacity(K);
        for weight in &weights {
            let columns = if from_zero && weight.recurrent { 0..0 } else { 0..weight.size };
            right.push(Panels::of_columns(simd, rows.len(), |k| (weight.at)(rows[k]), columns));
        }
        for slot in 0..gradients.slots {
            if weights.iter().all(|weight| weight.gate(slot).is_none()) {
                continue;
            }
            // SAFETY: promised by the caller, here and below; only this thread uses its units.
            let row = |index: usize| unsafe { &gradients.row(rows[index], slot..slot + 1)[units.clone()] };
            gather::<T>(rows.len(), row, left.values_mut());
            let tiles = left.values().chunks_exact(rows.len() * T);
            for (units, tile) in super::vectors(units.clone(), T).zip(tiles) {
                let tile = Tile { units, gradients: tile, sums: column_sums::<T>(tile) };
                for (weight, right) in weights.iter().zip(&right) {
                    if let Some(gate) = weight.gate(slot) {
                        let plus = if block > 0 { Plus::Old } else { Plus::Nothing };
                        unsafe { weight.add(simd, gate, &tile, right, plus) };
                    }
                }
            }
        }
    }
}

/// The gradients of one gate for at most `T` hidden units, over a block of rows, packed for [`outer`].
struct Tile<'a, const T: usize> {
    units: Range<usize>,
    /// The packed gradients, `[rows, T]`.
    gradients: &'a [f32],
    /// For each unit, the sum of its gradients over the rows of the block, which is added to the gradient of the bias.
    sums: [f32; T],
}

/// Returns the sum of each column of a tile, `[rows, T]`.
#[inline(always)]
fn column_sums<const T: usize>(tile: &[f32]) -> [f32; T] {
    // Several partial sums are faster, because each addition waits for the previous addition to the same sum.
    const SUMS: usize = 4;
    let mut several = [[0.0; T]; SUMS];
    let (groups, rest) = tile.as_chunks::<T>().0.as_chunks::<SUMS>();
    for group in groups {
        for (sums, row) in several.iter_mut().zip(group) {
            add(sums, row);
        }
    }
    let mut sums = [0.0; T];
    for row in several.iter().chain(rest) {
        add(&mut sums, row);
    }
    sums
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f32; N], values: &[f32; N]) {
    for index in 0..N {
        sums[index] += values[index];
    }
}

impl WeightGradient<'_> {
    /// The workspace holds several values per step and hidden unit, and a slot is the index of one of them. Returns the
    /// index of the gate whose gradient is in `slot`; `None` if the gradient of this weight matrix does not depend on
    /// that value.
    fn gate(&self, slot: usize) -> Option<usize> {
        self.slots.iter().position(|&own| own == slot).map(|gate| self.first_gate + gate)
    }

    /// Computes the contribution of a block of rows to the gradients of the weights and of the bias, for one gate and
    /// the units in `tile`. `right` has, for each row, the vector that [`WeightGradient::at`] returns. The contribution
    /// to the bias is always added to the old values in `d_bias`. `plus` says whether the contribution to the weights
    /// is added to the old values in `d_weight` or replaces them.
    ///
    /// # Safety
    ///
    /// No other thread uses the gradients of the weights and the bias of the units in `tile`.
    #[inline(always)]
    unsafe fn add<S: Simd, const T: usize>(&self, simd: S, gate: usize, tile: &Tile<T>, right: &Panels, plus: Plus) {
        let Tile { units, gradients, sums } = tile;
        let first = gate * self.hidden_size + units.start;
        // SAFETY: promised by the caller, here and below.
        for (to, sum) in unsafe { self.d_bias.write(first, units.len()) }.iter_mut().zip(sums) {
            *to += sum;
        }
        for panel in serpentine(units.start / T, right.count()) {
            let to = |unit: usize, columns: Range<usize>| unsafe {
                self.d_weight.write((first + unit) * self.size + columns.start, columns.len())
            };
            outer::<S, T>(simd, gradients, right, panel, units.len(), plus, to);
        }
    }
}
