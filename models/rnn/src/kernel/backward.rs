//! The steps in reverse, and the gradients.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::cells::{Gates, Pair};
use super::memory::{Aligned, Shared};
use super::pack::{Columns, to_and_fro};
use super::simd::{TILE, load, multiply_to, outer, store};
use super::team::Member;
use super::{Job, Layer, Share, vectors, work};

/// What the backward pass starts from.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub layer: &'a Layer<'a>,
    /// `[B, T, H]`
    pub outputs: &'a [f32],
    /// The gradient of the outputs, `[B, T, H]`.
    pub d_outputs: &'a [f32],
    /// The gradient of the final states, `[1 or 2, B, H]`.
    pub d_final: &'a [f32],
}

/// Gradients of what a [`Layer`] reads, in the shapes given there.
pub(crate) struct Gradients {
    pub input: Vec<f32>,
    pub weight_ih: Vec<f32>,
    pub weight_hh: Vec<f32>,
    pub bias_ih: Vec<f32>,
    pub bias_hh: Vec<f32>,
    /// Of the hidden and the cell state, `[1 or 2, B, H]`.
    pub initial: Vec<f32>,
}

impl Gradients {
    /// Zeros, but those of the initial states, which begin as those of the final ones and go back step by step.
    pub(super) fn new(given: &Given) -> Self {
        let zeros = |like: &[f32]| vec![0.0; like.len()];
        let Layer { input, weight_ih, weight_hh, bias_ih, bias_hh, .. } = *given.layer;
        let [input, weight_ih, weight_hh, bias_ih, bias_hh] =
            [input, weight_ih, weight_hh, bias_ih, bias_hh].map(zeros);
        Self { input, weight_ih, weight_hh, bias_ih, bias_hh, initial: given.d_final.to_vec() }
    }

    /// To be written by a team.
    pub(super) fn shared(&mut self, layer: &Layer) -> SharedGradients<'_> {
        let (hidden, cell) = self.initial.split_at_mut(layer.initial_hidden.len());
        SharedGradients {
            input: Shared::new(&mut self.input),
            weight_ih: Shared::new(&mut self.weight_ih),
            weight_hh: Shared::new(&mut self.weight_hh),
            bias_ih: Shared::new(&mut self.bias_ih),
            bias_hh: Shared::new(&mut self.bias_hh),
            hidden: Shared::new(hidden),
            cell: Shared::new(cell),
        }
    }
}

/// [`Gradients`] that a team writes.
#[derive(Clone, Copy)]
pub(super) struct SharedGradients<'a> {
    pub input: Shared<'a>,
    pub weight_ih: Shared<'a>,
    pub weight_hh: Shared<'a>,
    pub bias_ih: Shared<'a>,
    pub bias_hh: Shared<'a>,
    /// `[B, H]`
    pub hidden: Shared<'a>,
    /// `[B, H]`
    pub cell: Shared<'a>,
}

pub(super) fn backward<C: Gates<G, N>, const G: usize, const N: usize>(given: Given, mut kept: Aligned) -> Gradients {
    let layer = given.layer;
    let mut gradients = Gradients::new(&given);
    let steps = Steps::<C, G, N> {
        given,
        gates: GateGradients { memory: Shared::new(kept.values_mut()), slots: N, layer },
        to: gradients.shared(layer),
        cell: PhantomData,
    };
    work(layer, &steps);
    gradients
}

/// What the forward pass kept, which step by step becomes the gradients of the gates: `[B, T, slots, H]`.
#[derive(Clone, Copy)]
pub(super) struct GateGradients<'a> {
    pub memory: Shared<'a>,
    pub slots: usize,
    pub layer: &'a Layer<'a>,
}

impl<'a> GateGradients<'a> {
    /// Where a slot of a row of `[B × T]` begins.
    #[inline(always)]
    pub fn at(&self, row: usize, slot: usize) -> usize {
        (row * self.slots + slot) * self.layer.hidden_size
    }

    /// Some slots of a row.
    ///
    /// # Safety
    ///
    /// Nobody writes them.
    #[inline(always)]
    pub unsafe fn read(&self, row: usize, slots: Range<usize>) -> &'a [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.memory.read(self.at(row, slots.start), slots.len() * self.layer.hidden_size) }
    }
}

struct Steps<'a, C, const G: usize, const N: usize> {
    given: Given<'a>,
    gates: GateGradients<'a>,
    to: SharedGradients<'a>,
    cell: PhantomData<C>,
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Steps<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, outputs, .. }, gates, to, .. } = *self;
        self.gates(simd, member);
        member.wait();

        // SAFETY: nobody writes the gates' gradients any more; each member writes rows and units of its own.
        unsafe {
            input(simd, member, gates, C::INPUTS, to.input);
            let input = |row: usize| layer.input_at(row);
            let state = |row: usize| layer.state_before(outputs, row);
            weights(simd, member, gates, &C::INPUTS, 0, input, to.weight_ih, to.bias_ih);
            weights(simd, member, gates, &C::RECURRENT, 0, state, to.weight_hh, to.bias_hh);
        }
    }
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Steps<'_, C, G, N> {
    /// The gradients of the gates at all steps, and of the initial states.
    ///
    /// A member writes its own sequences and units of everything. It reads all units of its sequences' gates at a step:
    /// those of other members when all have come there, after which nobody writes them.
    #[inline(always)]
    fn gates<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, outputs, d_outputs, .. }, gates, to, .. } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let Share { sequences, units, together } = layer.share(member);
        let lanes = S::F32_LANES;
        let zero = simd.splat_f32s(0.0);
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let columns = Columns::new(G * hidden_size, weight, units.clone(), lanes);
        let span = G * hidden_size;
        let mut copy = Aligned::new(if together { layer.batch * span } else { 0 });
        let mut running = Vec::new();
        for index in (0..time).rev() {
            let step = layer.step(index);
            layer.running(sequences.clone(), step, &mut running);
            for &sequence in &running {
                let row = sequence * time + step;
                let before = layer.before(sequence, step);
                for first in units.clone().step_by(lanes) {
                    let width = lanes.min(units.end - first);
                    let own = sequence * hidden_size + first;
                    let before = match (C::CELL, before) {
                        // SAFETY: this member's own, here and below.
                        (Some(slot), Some(row)) => unsafe { gates.memory.read(gates.at(row, slot) + first, width) },
                        (Some(_), None) => &layer.initial_cell[own..][..width],
                        (None, Some(row)) => &outputs[row * hidden_size + first..][..width],
                        (None, None) => &layer.initial_hidden[own..][..width],
                    };
                    let mut values = [zero; N];
                    for slot in 0..N {
                        values[slot] = load(simd, unsafe { gates.memory.read(gates.at(row, slot) + first, width) });
                    }
                    let hidden = unsafe { to.hidden.write(own, width) };
                    let output = load(simd, &d_outputs[row * hidden_size + first..][..width]);
                    let mut after = Pair { hidden: simd.add_f32s(load(simd, hidden), output), cell: zero };
                    if C::CELL.is_some() {
                        after.cell = load(simd, unsafe { to.cell.read(own, width) });
                    }
                    let (gradients, before) = C::backward(simd, values, load(simd, before), after);
                    for slot in 0..C::GRADIENTS {
                        let gate = unsafe { gates.memory.write(gates.at(row, slot) + first, width) };
                        store(simd, gate, gradients[slot]);
                    }
                    store(simd, hidden, before.hidden);
                    if C::CELL.is_some() {
                        store(simd, unsafe { to.cell.write(own, width) }, before.cell);
                    }
                }
            }

            // SAFETY: all have written the gates' gradients at this step.
            let recurrent =
                |sequence: usize| unsafe { gates.read(sequence * time + step, C::RECURRENT[0]..C::RECURRENT[0] + G) };
            if together {
                member.wait();
                // All at once, as they come from other cores.
                for &sequence in &running {
                    copy.values_mut()[sequence * span..][..span].copy_from_slice(recurrent(sequence));
                }
            }
            let recurrent = |sequence: usize| match together {
                true => &copy.values()[sequence * span..][..span],
                false => recurrent(sequence),
            };
            for panel in to_and_fro(index, columns.count()) {
                // SAFETY: this member's own.
                let hidden = |sequence: usize, units: Range<usize>| unsafe {
                    to.hidden.write(sequence * hidden_size + units.start, units.len())
                };
                multiply_to(simd, &running, recurrent, &columns, panel, true, hidden);
            }
        }
    }
}

/// The gradient of the input: each member writes some rows of `[B × T]`. `slots` are those of the gates, side by side.
///
/// # Safety
///
/// Nobody writes the gates' gradients, and nobody else uses `d_input`.
#[inline(always)]
pub(super) unsafe fn input<S: Simd, const G: usize>(
    simd: S,
    member: &Member,
    gates: GateGradients,
    slots: [usize; G],
    d_input: Shared,
) {
    let Layer { input_size, hidden_size, weight_ih, .. } = *gates.layer;
    let rows = gates.layer.rows();
    let rows = &rows[member.part(rows.len())];
    let mut order: [usize; G] = std::array::from_fn(|gate| gate);
    order.sort_unstable_by_key(|&gate| slots[gate]);
    let first = slots[order[0]];
    let weight = |k: usize| {
        let row = order[k / hidden_size] * hidden_size + k % hidden_size;
        &weight_ih[row * input_size..][..input_size]
    };
    let columns = Columns::new(G * hidden_size, weight, 0..input_size, S::F32_LANES);
    // SAFETY: the caller's promise.
    let gradients = |row: usize| unsafe { gates.read(row, first..first + G) };
    for panel in 0..columns.count() {
        // SAFETY: a row of this member's own.
        let to = |row: usize, columns: Range<usize>| unsafe {
            d_input.write(row * input_size + columns.start, columns.len())
        };
        multiply_to(simd, rows, gradients, &columns, panel, false, to);
    }
}

/// How many rows are multiplied before the products are added to a weight's gradient.
const DEPTH: usize = 256;

/// The gradients of a weight and its bias: each member writes those of some units. `slots` are those of the gates from
/// `first_gate` on; `right` is what the weight was multiplied with at a row.
///
/// # Safety
///
/// Nobody writes the gates' gradients, and nobody else uses `d_weight` and `d_bias`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn weights<'a, S: Simd>(
    simd: S,
    member: &Member,
    gates: GateGradients,
    slots: &[usize],
    first_gate: usize,
    right: impl Fn(usize) -> &'a [f32],
    d_weight: Shared,
    d_bias: Shared,
) {
    let layer = gates.layer;
    let hidden_size = layer.hidden_size;
    let units = vectors(member, hidden_size);
    let mut left = Aligned::new(DEPTH * TILE);
    let all = layer.rows();
    for (block, rows) in all.chunks(DEPTH).enumerate() {
        let size = right(rows[0]).len();
        let right = Columns::new(rows.len(), |k| right(rows[k]), 0..size, S::F32_LANES);
        for (&slot, gate) in slots.iter().zip(first_gate..) {
            for first in units.clone().step_by(TILE) {
                let count = TILE.min(units.end - first);
                let mut sums = [0.0; TILE];
                let left = &mut left.values_mut()[..rows.len() * TILE];
                for (&row, left) in rows.iter().zip(left.as_chunks_mut::<TILE>().0) {
                    // SAFETY: the caller's promise.
                    let gradients = unsafe { gates.memory.read(gates.at(row, slot) + first, count) };
                    match gradients.try_into() {
                        Ok(whole) => *left = whole,
                        Err(_) => left[..count].copy_from_slice(gradients),
                    }
                    for (sum, gradient) in sums.iter_mut().zip(left) {
                        *sum += *gradient;
                    }
                }
                let own = gate * hidden_size + first;
                // SAFETY: units of this member's own, here and below.
                for (to, sum) in unsafe { d_bias.write(own, count) }.iter_mut().zip(sums) {
                    *to += sum;
                }
                for panel in to_and_fro(first / TILE, right.count()) {
                    let to = |unit: usize, columns: Range<usize>| unsafe {
                        d_weight.write((own + unit) * size + columns.start, columns.len())
                    };
                    outer(simd, left, &right, panel, count, block > 0, to);
                }
            }
        }
    }
}
