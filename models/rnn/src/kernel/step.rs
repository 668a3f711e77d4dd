//! One step of a stack of layers, for streaming and generation. The weights are packed once, for all steps: they are
//! copied to the memory layout that the kernel reads. A step allocates no memory.
//!
//! Each sum adds the same terms in the same order as the forward pass over whole sequences. The results of both are
//! therefore bit-identical, unless the weights have 8 bits.

use std::array;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::cells::{Elman, Gates, Gru, Lstm};
use super::memory::Shared;
use super::pack::{PackedMatrices, PackedWeights, max_threads, panels_of};
use super::simd::{load, sigmoid, store, sums_buffer, tanh, tiles};
use super::team::Member;
use super::{Job, member_units, run_team};
use crate::Cell;

/// The weights and biases of a layer, in the memory layout that [`step`] reads (packed).
pub(crate) struct PackedLayer {
    /// The number of input features of the layer.
    input_size: usize,
    /// The packed input weights and recurrent weights.
    matrices: PackedMatrices<PackedWeights>,
    /// The biases that are added to the input products, `[gates × hidden]`: `bias_ih` plus the values of `bias_hh` that
    /// are not in `recurrent_bias`.
    bias: Vec<f32>,
    /// The biases that are added to the recurrent products, `[gates × hidden]`: `bias_hh` for the candidate of
    /// [`Cell::Gru`], and zero for all other gates and cells.
    recurrent_bias: Vec<f32>,
}

impl PackedLayer {
    /// Packs weights and biases that have the shapes of [`Weights`](crate::Weights). `int8`: whether to store the
    /// weights with 8 bits.
    pub fn new(
        cell: Cell,
        hidden_size: usize,
        [weight_ih, weight_hh, bias_ih, bias_hh]: [&[f32]; 4],
        int8: bool,
    ) -> Self {
        let gates = cell.gates();
        // The reset gate of PyTorch's GRU scales the recurrent bias of the candidate, so this bias must be added to the
        // recurrent product.
        let scaled = if cell == Cell::Gru { 2 * hidden_size } else { gates * hidden_size };
        let mut recurrent_bias = vec![0.0; gates * hidden_size];
        recurrent_bias[scaled..].copy_from_slice(&bias_hh[scaled..]);
        let mut bias = bias_ih.to_vec();
        bias.iter_mut().zip(&bias_hh[..scaled]).for_each(|(bias, recurrent)| *bias += recurrent);
        let input_size = weight_ih.len() / (gates * hidden_size);
        let pack = |matrix: &[f32], gates| PackedWeights::new(matrix, hidden_size, gates, int8);
        let matrices = PackedMatrices::with(cell, hidden_size, weight_ih, weight_hh, pack);
        Self { input_size, matrices, bias, recurrent_bias }
    }

    /// The number of packed weights.
    fn len(&self) -> usize {
        let PackedMatrices { input, recurrent, candidate } = &self.matrices;
        input.len() + recurrent.len() + candidate.as_ref().map_or(0, PackedWeights::len)
    }
}

/// The arguments of [`step`].
pub(crate) struct StepArgs<'a> {
    pub cell: Cell,
    pub layers: &'a [PackedLayer],
    pub hidden_size: usize,
    /// The indices of the sequences, `0..batch`.
    pub rows: &'a [usize],
    /// The input of the first layer, `[batch, input]`.
    pub input: &'a [f32],
    /// The hidden states before the step, `[layers, batch, hidden]`.
    pub before: &'a [f32],
    /// The buffer for the hidden states after the step, `[layers, batch, hidden]`, which the step writes.
    pub after: &'a mut [f32],
    /// The cell states, `[layers, batch, hidden]`, which are updated; empty for cells without a cell state.
    pub cells: &'a mut [f32],
    /// Scratch memory for the gates of [`Cell::GruResetBefore`], `[3, batch, hidden]`; empty for other cells.
    pub gates: &'a mut [f32],
}

/// Computes one step of all layers for a batch of sequences.
pub(crate) fn step(args: StepArgs) {
    let StepArgs { cell, layers, hidden_size, rows, input, before, after, cells, gates } = args;
    let work = rows.len() * layers.iter().map(PackedLayer::len).sum::<usize>();
    let threads = max_threads(work, hidden_size);
    let [after, cells, gates] = [after, cells, gates].map(Shared::new);
    let stack = Stack { layers, hidden_size, rows, input, before, after };
    match cell {
        Cell::Elman => run_team(threads, work, &Step::<Elman<false>, 1, 1> { stack, cells, cell: PhantomData }),
        Cell::ElmanRelu => run_team(threads, work, &Step::<Elman<true>, 1, 1> { stack, cells, cell: PhantomData }),
        Cell::Lstm => run_team(threads, work, &Step::<Lstm, 4, 5> { stack, cells, cell: PhantomData }),
        Cell::Gru => run_team(threads, work, &Step::<Gru, 3, 4> { stack, cells, cell: PhantomData }),
        Cell::GruResetBefore => run_team(threads, work, &ResetBeforeStep { stack, gates }),
    }
}

/// The layers of a network, and the inputs and states that they read and write in one step.
///
/// A thread writes the values of its own units only. It reads the hidden states before the step, which no thread
/// writes. It also reads the new hidden states of the layer below, but only after the barrier at which all threads have
/// written these states.
#[derive(Clone, Copy)]
struct Stack<'a> {
    layers: &'a [PackedLayer],
    hidden_size: usize,
    rows: &'a [usize],
    input: &'a [f32],
    before: &'a [f32],
    after: Shared<'a>,
}

impl<'a> Stack<'a> {
    /// The index of the first value of one sequence and layer in the states, `[layers, batch, hidden]`.
    #[inline(always)]
    fn at(&self, layer: usize, row: usize) -> usize {
        (layer * self.rows.len() + row) * self.hidden_size
    }

    /// The input of a layer, `[input]`, for one sequence.
    ///
    /// # Safety
    ///
    /// No thread writes the hidden states of the layer below while the returned slice is in use.
    #[inline(always)]
    unsafe fn input(&self, layer: usize, row: usize) -> &'a [f32] {
        let size = self.layers[layer].input_size;
        match layer.checked_sub(1) {
            None => &self.input[row * size..][..size],
            // SAFETY: promised by the caller.
            Some(below) => unsafe { self.after.read(self.at(below, row), size) },
        }
    }

    /// The hidden state of a layer before the step, `[hidden]`, for one sequence.
    #[inline(always)]
    fn state(&self, layer: usize, row: usize) -> &'a [f32] {
        &self.before[self.at(layer, row)..][..self.hidden_size]
    }
}

/// Loads the values of the hidden units `units` for each of the `G` gates from `all`, `[gates × hidden]`. The argument
/// `hidden` is the hidden size.
#[inline(always)]
fn of_gates<S: Simd, const G: usize>(simd: S, all: &[f32], hidden: usize, units: &Range<usize>) -> [S::f32s; G] {
    array::from_fn(|gate| load(simd, &all[gate * hidden..][units.clone()]))
}

/// The computation of a step for a cell with one recurrent matrix product for all gates.
struct Step<'a, C, const G: usize, const N: usize> {
    stack: Stack<'a>,
    cells: Shared<'a>,
    cell: PhantomData<C>,
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Step<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { stack, cells, .. } = *self;
        let units = member_units(member, stack.hidden_size);
        let [mut inputs, mut recurrent] = [sums_buffer::<S, G>(simd); 2];
        for (index, layer) in stack.layers.iter().enumerate() {
            // SAFETY: after the barrier at the end of the layer below, no thread writes the states of that layer.
            let input = |row: usize| unsafe { stack.input(index, row) };
            let state = |row: usize| stack.state(index, row);
            for panel in panels_of::<S>(&units) {
                let covers = layer.matrices.recurrent.units(panel);
                let bias = of_gates::<S, G>(simd, &layer.bias, stack.hidden_size, &covers);
                let recurrent_bias = of_gates::<S, G>(simd, &layer.recurrent_bias, stack.hidden_size, &covers);
                for (tile, _) in tiles::<S, G>(stack.rows, None) {
                    layer.matrices.input.multiply::<S, G>(simd, panel, tile, input, &bias, &mut inputs);
                    layer.matrices.recurrent.multiply::<S, G>(
                        simd,
                        panel,
                        tile,
                        state,
                        &recurrent_bias,
                        &mut recurrent,
                    );
                    for row in 0..tile.len() {
                        let (own, count) = (stack.at(index, tile[row]) + covers.start, covers.len());
                        // SAFETY: only this thread uses its units of the cell state and of the states after the step.
                        unsafe {
                            let before = match C::CELL {
                                Some(_) => load(simd, cells.read(own, count)),
                                None => load(simd, &state(tile[row])[covers.clone()]),
                            };
                            let (values, hidden) = C::forward(simd, inputs[row], recurrent[row], before);
                            if let Some(slot) = C::CELL {
                                store(simd, cells.write(own, count), values[slot]);
                            }
                            store(simd, stack.after.write(own, count), hidden);
                        }
                    }
                }
            }
            member.wait();
        }
    }
}

/// The computation of a step for the GRU whose reset gate acts before the recurrent product of the candidate.
struct ResetBeforeStep<'a> {
    stack: Stack<'a>,
    /// The product `r ⊙ h` of reset gate and hidden state, the update gate z, and the input product of the candidate n,
    /// `[3, batch, hidden]`.
    gates: Shared<'a>,
}

impl Job for ResetBeforeStep<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let units = member_units(member, self.stack.hidden_size);
        for (index, layer) in self.stack.layers.iter().enumerate() {
            self.reset_and_update_gates(simd, index, layer, &units);
            member.wait();
            self.candidate(simd, index, layer, &units);
            member.wait();
        }
    }
}

impl ResetBeforeStep<'_> {
    /// The index in `gates`, `[3, batch, hidden]`, of the values of one sequence. `value` is 0 for `r ⊙ h`, 1 for the
    /// update gate z, and 2 for the input product of the candidate n.
    #[inline(always)]
    fn at(&self, value: usize, row: usize) -> usize {
        (value * self.stack.rows.len() + row) * self.stack.hidden_size
    }

    #[inline(always)]
    fn reset_and_update_gates<S: Simd>(&self, simd: S, index: usize, layer: &PackedLayer, units: &Range<usize>) {
        let Self { stack, gates } = *self;
        // SAFETY: after the barrier at the end of the layer below, no thread writes the states of that layer.
        let input = |row: usize| unsafe { stack.input(index, row) };
        let state = |row: usize| stack.state(index, row);
        let (mut inputs, mut recurrent) = (sums_buffer::<S, 3>(simd), sums_buffer::<S, 2>(simd));
        for panel in panels_of::<S>(units) {
            let covers = layer.matrices.recurrent.units(panel);
            let bias = of_gates::<S, 3>(simd, &layer.bias, stack.hidden_size, &covers);
            for (tile, _) in tiles::<S, 3>(stack.rows, None) {
                layer.matrices.input.multiply::<S, 3>(simd, panel, tile, input, &bias, &mut inputs);
                for row in 0..tile.len() {
                    // The rows are multiplied one at a time, because the tiles (groups of rows) for panels of three
                    // SIMD vectors and of two SIMD vectors have different numbers of rows.
                    let zeros = [simd.splat_f32s(0.0); 2];
                    let one = &tile[row..=row];
                    layer.matrices.recurrent.multiply::<S, 2>(simd, panel, one, state, &zeros, &mut recurrent);
                    let before = load(simd, &state(tile[row])[covers.clone()]);
                    let r = sigmoid(simd, simd.add_f32s(inputs[row][0], recurrent[0][0]));
                    let z = sigmoid(simd, simd.add_f32s(inputs[row][1], recurrent[0][1]));
                    let values = [simd.mul_f32s(r, before), z, inputs[row][2]];
                    for value in 0..3 {
                        let own = self.at(value, tile[row]) + covers.start;
                        // SAFETY: only this thread writes its units, and no thread reads them before the barrier.
                        store(simd, unsafe { gates.write(own, covers.len()) }, values[value]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn candidate<S: Simd>(&self, simd: S, index: usize, layer: &PackedLayer, units: &Range<usize>) {
        let Self { stack, gates } = *self;
        let Some(weights) = &layer.matrices.candidate else {
            unreachable!("the candidate's weights are missing: `PackedLayer::new` must pack them for this cell")
        };
        // SAFETY: all threads have written `gates` before the barrier.
        let reset = |row: usize| unsafe { gates.read(self.at(0, row), stack.hidden_size) };
        let mut recurrent = sums_buffer::<S, 1>(simd);
        for panel in panels_of::<S>(units) {
            let covers = weights.units(panel);
            for (tile, _) in tiles::<S, 1>(stack.rows, None) {
                weights.multiply::<S, 1>(simd, panel, tile, reset, &[simd.splat_f32s(0.0)], &mut recurrent);
                for row in 0..tile.len() {
                    let (first, count) = (covers.start, covers.len());
                    // SAFETY: all threads have written `gates` before the barrier.
                    let gate = |value| load(simd, unsafe { gates.read(self.at(value, tile[row]) + first, count) });
                    let n = tanh(simd, simd.add_f32s(gate(2), recurrent[row][0]));
                    let before = load(simd, &stack.state(index, tile[row])[covers.clone()]);
                    let hidden = simd.mul_add_e_f32s(gate(1), simd.sub_f32s(before, n), n);
                    // SAFETY: only this thread uses its units of the states after the step.
                    store(simd, unsafe { stack.after.write(stack.at(index, tile[row]) + first, count) }, hidden);
                }
            }
        }
    }
}
