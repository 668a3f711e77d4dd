//! The large matrix products: the input products of a block of steps, before the loop over these steps; and the
//! gradients of the input and of the weight matrices from the gradients of the gates, after the backward loop over the
//! steps.

use std::array;
use std::ops::Range;

use pulp::Simd;

use super::memory::{Aligned, Shared};
use super::pack::{Panels, cache_blocks, serpentine};
use super::simd::{TILE, load, multiply, multiply_to, outer, store, tiles};
use super::team::Member;
use super::{LayerArgs, Position, Share, member_units};

/// The workspace: numbered slots of values per step and unit, `[B, steps, slots, H]`, for all steps or for one block of
/// steps.
///
/// The slots first hold the input products. The forward pass replaces them with the values that the backward pass
/// needs, and the backward pass replaces those with the gradients of the gates.
#[derive(Clone, Copy)]
pub(super) struct Workspace<'a> {
    pub memory: Shared<'a>,
    /// The number of steps in the buffer.
    pub steps: usize,
    /// The first step in the buffer. Blocks of steps reuse the buffer.
    pub first: usize,
    pub slots: usize,
    pub layer: &'a LayerArgs<'a>,
}

impl<'a> Workspace<'a> {
    #[inline(always)]
    fn at(&self, position: &Position, slot: usize) -> usize {
        let row = position.sequence * self.steps + position.step - self.first;
        (row * self.slots + slot) * self.layer.hidden_size + position.units.start
    }

    /// Loads the values of one slot for a vector of hidden units.
    ///
    /// # Safety
    ///
    /// No other thread writes it.
    #[inline(always)]
    pub unsafe fn load<S: Simd>(&self, simd: S, position: &Position, slot: usize) -> S::f32s {
        // SAFETY: promised by the caller.
        load(simd, unsafe { self.memory.read(self.at(position, slot), position.units.len()) })
    }

    /// Writes the values of one slot for a vector of hidden units.
    ///
    /// # Safety
    ///
    /// No other thread uses it.
    #[inline(always)]
    pub unsafe fn store<S: Simd>(&self, simd: S, position: &Position, slot: usize, values: S::f32s) {
        // SAFETY: promised by the caller.
        store(simd, unsafe { self.memory.write(self.at(position, slot), position.units.len()) }, values);
    }

    /// The given slots of all units at a row of `[B × T]`. The buffer must hold all steps.
    ///
    /// # Safety
    ///
    /// No thread writes them.
    #[inline(always)]
    pub unsafe fn row(&self, row: usize, slots: Range<usize>) -> &'a [f32] {
        let size = self.layer.hidden_size;
        // SAFETY: promised by the caller.
        unsafe { self.memory.read((row * self.slots + slots.start) * size, slots.len() * size) }
    }
}

/// The number of input rows per matrix product: enough for full speed, and few enough that the products are still in
/// the cache when the steps use them.
const BLOCK_ROWS: usize = 256;

/// The number of steps per block of input products.
pub(super) fn block_steps(layer: &LayerArgs) -> usize {
    (BLOCK_ROWS / layer.batch).clamp(1, layer.time)
}

/// Computes the input products of one thread, block by block.
pub(super) struct InputProducts<'a, S: Simd, const G: usize> {
    simd: S,
    workspace: Workspace<'a>,
    sequences: Range<usize>,
    weights: Panels,
    /// The slot of each gate's input product.
    slots: [usize; G],
    /// Whether the recurrent bias of each gate is added to its input product.
    bias_hh: [bool; G],
    /// The sequence and step of each row of the current block.
    rows: Vec<[usize; 2]>,
    /// The indices of the rows of the current block: `0..rows.len()`.
    indices: Vec<usize>,
}

impl<'a, S: Simd, const G: usize> InputProducts<'a, S, G> {
    #[inline(always)]
    pub fn new(simd: S, workspace: Workspace<'a>, share: &Share, slots: [usize; G], bias_hh: [bool; G]) -> Self {
        let LayerArgs { weight_ih, hidden_size, .. } = *workspace.layer;
        let weights = Panels::of_gates(weight_ih, hidden_size, share.units.clone(), G, S::F32_LANES);
        let sequences = share.sequences.clone();
        Self { simd, workspace, sequences, weights, slots, bias_hh, rows: Vec::new(), indices: Vec::new() }
    }

    /// Returns the workspace with the input products, including biases, of the step at position `index`. Computes a
    /// block of products if the step is the first one of its block.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of these sequences and units in the workspace.
    #[inline(always)]
    pub unsafe fn at(&mut self, index: usize) -> Workspace<'a> {
        if index.is_multiple_of(block_steps(self.workspace.layer)) {
            // SAFETY: promised by the caller.
            unsafe { self.compute_block(index) };
        }
        self.workspace
    }

    /// Computes the input products of the block that starts at position `index`.
    ///
    /// # Safety
    ///
    /// As for [`at`](Self::at).
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
        for indices in cache_blocks(&self.indices, layer.input_size) {
            for panel in 0..self.weights.count() {
                let (panel, values) = self.weights.panel(panel);
                let units = &panel.covers;
                let bias = array::from_fn(|gate| self.bias(gate, units));
                for (tile, _) in tiles::<S, G>(indices, None) {
                    let products = multiply::<S, G>(self.simd, tile, input, (values, None), bias);
                    for row in 0..tile.len() {
                        let [sequence, step] = rows[tile[row]];
                        let position = Position { sequence, step, units: units.clone() };
                        for gate in 0..G {
                            // SAFETY: promised by the caller.
                            unsafe {
                                self.workspace.store(self.simd, &position, self.slots[gate], products[row][gate])
                            };
                        }
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

/// Computes the gradient of the input. Each thread writes some of the `rows` of `[B × T]`. `slots`: the consecutive
/// slots of the gradients of the gates.
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
            multiply_to(simd, rows, gradient, &weights, panel, false, to);
        }
    }
}

/// A weight matrix whose gradient is computed from the gradients of the gates, and the buffers for the result.
pub(super) struct WeightGradient<'a> {
    /// The slots with the gradients of the gates, from the gate `first_gate`.
    pub slots: &'a [usize],
    pub first_gate: usize,
    pub hidden_size: usize,
    /// The number of columns of the weight matrix.
    pub size: usize,
    /// Returns the vector that the weight matrix was multiplied with at a row of `[B × T]`: the input, the hidden
    /// state, or `r ⊙ h`.
    pub at: &'a dyn Fn(usize) -> &'a [f32],
    /// The gradient of the weight matrix, `[gates × H, size]`.
    pub d_weight: Shared<'a>,
    /// The gradient of the bias, `[gates × H]`.
    pub d_bias: Shared<'a>,
}

/// The number of rows of `[B × T]` per matrix product. The products are summed in the gradient of the weight matrix.
const DEPTH: usize = 256;

/// Computes the gradients of weight matrices and biases from all `rows` of `[B × T]`. Each thread writes those of some
/// units.
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
    let units = member_units(member, gradients.layer.hidden_size);
    let mut left = Aligned::new(DEPTH * TILE);
    for (block, rows) in rows.chunks(DEPTH).enumerate() {
        let mut right = Vec::with_capacity(K);
        for weight in &weights {
            right.push(Panels::of_columns(simd, rows.len(), |k| (weight.at)(rows[k]), 0..weight.size));
        }
        for slot in 0..gradients.slots {
            if weights.iter().all(|weight| weight.gate(slot).is_none()) {
                continue;
            }
            for units in super::vectors(units.clone(), TILE) {
                // SAFETY: promised by the caller; only this thread uses its units.
                unsafe {
                    let tile = Tile::gather(gradients, rows, slot, units, left.values_mut());
                    for (weight, right) in weights.iter().zip(&right) {
                        if let Some(gate) = weight.gate(slot) {
                            weight.add(simd, gate, &tile, right, block > 0);
                        }
                    }
                }
            }
        }
    }
}

/// The gradients of a few units of one gate at a block of rows, packed for [`outer`].
struct Tile<'a> {
    units: Range<usize>,
    /// The packed gradients, `[rows, TILE]`.
    gradients: &'a [f32],
    /// The sum of each unit's gradients over the rows: the gradient of the bias.
    sums: [f32; TILE],
}

impl<'a> Tile<'a> {
    /// Packs the gradients into `memory`.
    ///
    /// # Safety
    ///
    /// No thread writes the workspace.
    #[inline(always)]
    unsafe fn gather(
        workspace: Workspace,
        rows: &[usize],
        slot: usize,
        units: Range<usize>,
        memory: &'a mut [f32],
    ) -> Self {
        let gradients = &mut memory[..rows.len() * TILE];
        for (&row, to) in rows.iter().zip(gradients.as_chunks_mut::<TILE>().0) {
            // SAFETY: promised by the caller.
            let from = unsafe { &workspace.row(row, slot..slot + 1)[units.clone()] };
            match from.try_into() {
                Ok(whole) => *to = whole,
                Err(_) => to[..units.len()].copy_from_slice(from),
            }
        }
        // Several partial sums, because each addition waits for the previous one of the same sum.
        const SUMS: usize = 4;
        let mut several = [0.0; SUMS * TILE];
        let (groups, rest) = gradients.as_chunks::<{ SUMS * TILE }>();
        for group in groups {
            add(&mut several, group);
        }
        let mut sums = [0.0; TILE];
        for row in several.as_chunks::<TILE>().0.iter().chain(rest.as_chunks::<TILE>().0) {
            add(&mut sums, row);
        }
        Self { units, gradients, sums }
    }
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f32; N], values: &[f32; N]) {
    for index in 0..N {
        sums[index] += values[index];
    }
}

impl WeightGradient<'_> {
    /// The gate whose gradients are in `slot`.
    fn gate(&self, slot: usize) -> Option<usize> {
        self.slots.iter().position(|&own| own == slot).map(|gate| self.first_gate + gate)
    }

    /// Writes the gradients of the weights and biases of one tile of units from one block of rows, or adds them
    /// (`add`).
    ///
    /// # Safety
    ///
    /// No other thread uses the gradients of these units.
    #[inline(always)]
    unsafe fn add<S: Simd>(&self, simd: S, gate: usize, tile: &Tile, right: &Panels, add: bool) {
        let Tile { units, gradients, sums } = tile;
        let first = gate * self.hidden_size + units.start;
        // SAFETY: promised by the caller, here and below.
        for (to, sum) in unsafe { self.d_bias.write(first, units.len()) }.iter_mut().zip(sums) {
            *to += sum;
        }
        for panel in serpentine(units.start / TILE, right.count()) {
            let to = |unit: usize, columns: Range<usize>| unsafe {
                self.d_weight.write((first + unit) * self.size + columns.start, columns.len())
            };
            outer(simd, gradients, right, panel, units.len(), add, to);
        }
    }
}
