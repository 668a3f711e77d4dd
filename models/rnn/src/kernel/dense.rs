//! A dense layer, `outputs = inputs · weightᵀ + bias`, for a few rows of inputs, such as the output layer of a network
//! that generates a sequence step by step. The weights are packed once: copied to the order in which the kernel reads
//! them.

use std::array;

use pulp::Simd;

use super::memory::Shared;
use super::pack::{PackedWeights, max_threads, panels_of};
use super::simd::{load, store, sums_buffer, tiles};
use super::team::Member;
use super::{Job, member_units, run_team};

/// The number of blocks into which the outputs are divided. The kernel computes one SIMD vector of outputs of each
/// block at a time. The sums of these vectors do not depend on each other, so the processor can compute them at the
/// same time.
///
/// Each block has `units` outputs. The weights are packed with the code for recurrent layers, where a block takes the
/// place of a gate: output `block × units + unit` is packed like gate `block` of the hidden unit `unit`.
const BLOCKS: usize = 4;

/// The weights and the bias of a dense layer, in the memory layout that [`dense`] reads.
pub(crate) struct PackedDense {
    /// The packed weight matrix. Each of the [`BLOCKS`] of outputs is packed like a gate of a recurrent layer.
    weight: PackedWeights,
    /// The bias, `[BLOCKS × units]`, where `units` is the number of outputs per block; 0 beyond the last output.
    bias: Vec<f32>,
    /// The number of outputs.
    pub outputs: usize,
}

impl PackedDense {
    /// Packs a weight matrix, `[outputs, inputs]`, and a bias, `[outputs]`. `int8`: whether to store the weights with 8
    /// bits.
    pub fn new(weight: &[f32], bias: &[f32], int8: bool) -> Self {
        let (outputs, units) = (bias.len(), bias.len().div_ceil(BLOCKS));
        let inputs = weight.len() / outputs;
        let padded = |values: &[f32], length| {
            let mut values = values.to_vec();
            values.resize(length, 0.0);
            values
        };
        let weight = PackedWeights::new(&padded(weight, BLOCKS * units * inputs), units, BLOCKS, int8);
        Self { weight, bias: padded(bias, BLOCKS * units), outputs }
    }
}

/// Writes `inputs · weightᵀ + bias`, `[rows, outputs]`, to `to`. The shape of `inputs` is `[rows, inputs]`. The
/// argument `rows` has the indices of all rows: `0, 1, …`.
pub(crate) fn dense(layer: &PackedDense, rows: &[usize], inputs: &[f32], to: &mut [f32]) {
    let work = rows.len() * layer.weight.len();
    let units = layer.bias.len() / BLOCKS;
    run_team(max_threads(work, units), work, &Dense { layer, rows, inputs, to: Shared::new(to) });
}

struct Dense<'a> {
    layer: &'a PackedDense,
    rows: &'a [usize],
    inputs: &'a [f32],
    to: Shared<'a>,
}

impl Job for Dense<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { layer: PackedDense { weight, bias, outputs }, rows, inputs, to } = *self;
        let (units, size) = (bias.len() / BLOCKS, inputs.len() / rows.len());
        let row = |row: usize| &inputs[row * size..][..size];
        let mut sums = sums_buffer::<S, BLOCKS>(simd);
        for panel in panels_of::<S>(&member_units(member, units)) {
            let covers = weight.units(panel);
            let start = array::from_fn(|block| load(simd, &bias[block * units..][covers.clone()]));
            for (tile, _) in tiles::<S, BLOCKS>(rows, None) {
                weight.multiply::<S, BLOCKS>(simd, panel, tile, row, &start, &mut sums);
                for index in 0..tile.len() {
                    for block in 0..BLOCKS {
                        let first = block * units + covers.start;
                        let count = covers.len().min(outputs.saturating_sub(first));
                        if count == 0 {
                            break;
                        }
                        // SAFETY: only this thread writes the outputs of its units.
                        let to = unsafe { to.write(tile[index] * outputs + first, count) };
                        store(simd, to, sums[index][block]);
                    }
                }
            }
        }
    }
}
