//! The steps in reading order.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::cells::Gates;
use super::memory::{Aligned, Shared};
use super::pack::{self, to_and_fro};
use super::simd::{load, multiply, store};
use super::team::Member;
use super::{Job, Layer, Share, work};

/// What a layer computes.
pub(crate) struct Forward {
    /// The hidden state after every step, `[B, T, H]`, zero in the padding; then the states after the last step of each
    /// sequence in reading order: hidden, `[B, H]`, and cell, `[B, H]`, of cells that have one.
    pub outputs: Vec<f32>,
    /// What the backward pass needs.
    pub kept: Option<Aligned>,
}

pub(super) fn forward<C: Gates<G, N>, const G: usize, const N: usize>(layer: &Layer, keep: bool) -> Forward {
    let kept_steps = if keep { layer.time } else { block(layer) };
    let mut kept = Aligned::new(layer.batch * kept_steps * N * layer.hidden_size);
    let mut states = Aligned::new(2 * layer.initial_hidden.len());
    for half in states.values_mut().chunks_exact_mut(layer.initial_hidden.len()) {
        half.copy_from_slice(layer.initial_hidden);
    }
    let outputs = with_final_states(layer, |outputs, cells| {
        let steps = Steps::<C, G, N> {
            layer,
            keep,
            kept: Kept { memory: Shared::new(kept.values_mut()), steps: kept_steps, slots: N, layer },
            states: Shared::new(states.values_mut()),
            cells: Shared::new(cells),
            outputs: Shared::new(outputs),
            gates: PhantomData,
        };
        work(layer, &steps);
    });
    Forward { outputs, kept: keep.then_some(kept) }
}

/// The outputs and final states, from a function that writes the outputs, `[B, T, H]`, and takes the cell states, `[B, H]`,
/// from the initial to the final ones.
pub(super) fn with_final_states(layer: &Layer, read: impl FnOnce(&mut [f32], &mut [f32])) -> Vec<f32> {
    let size = layer.hidden_size;
    let mut all = vec![0.0; layer.outputs_len() + layer.initial_hidden.len() + layer.initial_cell.len()];
    let (outputs, last) = all.split_at_mut(layer.outputs_len());
    let (hidden, cell) = last.split_at_mut(layer.initial_hidden.len());
    cell.copy_from_slice(layer.initial_cell);
    read(outputs, cell);
    hidden.copy_from_slice(layer.initial_hidden);
    for (sequence, hidden) in hidden.chunks_exact_mut(size).enumerate() {
        if let Some(row) = layer.last(sequence) {
            hidden.copy_from_slice(&outputs[row * size..][..size]);
        }
    }
    all
}

/// How many rows of the input are multiplied at once: enough for full speed, few enough to be in the cache when the steps
/// come to them.
const BLOCK_ROWS: usize = 256;

/// How many steps have their input products made at once.
pub(super) fn block(layer: &Layer) -> usize {
    (BLOCK_ROWS / layer.batch).clamp(1, layer.time)
}

/// Values of every unit and step, `[B, steps, slots, H]`: of all steps, or of one block in turn.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub memory: Shared<'a>,
    pub steps: usize,
    pub slots: usize,
    pub layer: &'a Layer<'a>,
}

impl Kept<'_> {
    /// Where the values of a step begin.
    #[inline(always)]
    pub fn at(&self, sequence: usize, step: usize) -> usize {
        (sequence * self.steps + step % self.steps) * self.slots * self.layer.hidden_size
    }
}

/// What a member multiplies its inputs with.
pub(super) struct InputProducts<'a, S: Simd, const G: usize> {
    layer: &'a Layer<'a>,
    units: Range<usize>,
    weights: Aligned,
    /// Which gates' recurrent bias is added here.
    bias_hh: [bool; G],
    /// The slot of each gate's product.
    slots: [usize; G],
    rows: Vec<usize>,
    simd: S,
}

impl<'a, S: Simd, const G: usize> InputProducts<'a, S, G> {
    #[inline(always)]
    pub fn new(simd: S, layer: &'a Layer, units: Range<usize>, slots: [usize; G], bias_hh: [bool; G]) -> Self {
        let weights = pack::gates(layer.weight_ih, layer.hidden_size, units.clone(), G, S::F32_LANES);
        Self { layer, units, weights, bias_hh, slots, rows: Vec::new(), simd }
    }

    /// Writes the products, with the biases, of the steps read at `indices`.
    ///
    /// # Safety
    ///
    /// Nobody else uses these sequences' and units' values in `kept`.
    #[inline(always)]
    pub unsafe fn write(&mut self, kept: Kept, sequences: Range<usize>, indices: Range<usize>) {
        let Self { simd, layer, .. } = *self;
        let Layer { time, input_size, hidden_size, .. } = *layer;
        let lanes = S::F32_LANES;
        self.rows.clear();
        for sequence in sequences {
            let steps = indices.clone().map(|index| layer.step(index)).filter(|&step| step < layer.length(sequence));
            self.rows.extend(steps.map(|step| sequence * time + step));
        }
        let panels = self.weights.values().chunks_exact(input_size * G * lanes);
        for (panel, first) in panels.zip(self.units.clone().step_by(lanes)) {
            let width = lanes.min(self.units.end - first);
            let mut bias = [simd.splat_f32s(0.0); G];
            for gate in 0..G {
                let at = gate * hidden_size + first;
                bias[gate] = load(simd, &layer.bias_ih[at..][..width]);
                if self.bias_hh[gate] {
                    bias[gate] = simd.add_f32s(bias[gate], load(simd, &layer.bias_hh[at..][..width]));
                }
            }
            let input = |row: usize| layer.input_at(row);
            multiply::<S, G>(simd, &self.rows, input, panel, bias, |row, products| {
                let at = kept.at(row / time, row % time) + first;
                for gate in 0..G {
                    // SAFETY: the caller's promise.
                    let to = unsafe { kept.memory.write(at + self.slots[gate] * hidden_size, width) };
                    store(simd, to, products[gate]);
                }
            });
        }
    }
}

struct Steps<'a, C, const G: usize, const N: usize> {
    layer: &'a Layer<'a>,
    keep: bool,
    kept: Kept<'a>,
    /// The hidden states before a step and after it, in turns: `[2, B, H]`.
    states: Shared<'a>,
    /// `[B, H]`
    cells: Shared<'a>,
    /// `[B, T, H]`
    outputs: Shared<'a>,
    gates: PhantomData<C>,
}

/// One member's share of all steps.
///
/// It writes its own sequences and units of everything. It reads all units of its sequences' states before a step: those
/// of other members when all have come to the step, and nobody writes them until all have come to the next.
impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Steps<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { layer, keep, kept, states, cells, outputs, .. } = *self;
        let Layer { batch, time, hidden_size, .. } = *layer;
        let Share { sequences, units, together } = layer.share(member);
        let lanes = S::F32_LANES;
        let zero = simd.splat_f32s(0.0);
        let added = std::array::from_fn(|gate| C::RECURRENT_BIAS != Some(gate));
        let mut inputs = InputProducts::<S, G>::new(simd, layer, units.clone(), C::INPUTS, added);
        let weights = pack::gates(layer.weight_hh, hidden_size, units.clone(), G, lanes);
        let panel_size = hidden_size * G * lanes;
        let mut copy = Aligned::new(if together { batch * hidden_size } else { 0 });
        let mut running = Vec::new();

        let block = block(layer);
        for index in 0..time {
            if index % block == 0 {
                // SAFETY: this member's own.
                unsafe { inputs.write(kept, sequences.clone(), index..time.min(index + block)) };
            }
            let step = layer.step(index);
            layer.running(sequences.clone(), step, &mut running);
            let [before, after] = [index % 2, (index + 1) % 2].map(|half| half * batch * hidden_size);
            if together {
                member.wait();
                // All at once, as they come from other cores.
                // SAFETY: all have written the states before this step, and now write those after it.
                copy.values_mut().copy_from_slice(unsafe { states.read(before, batch * hidden_size) });
            }
            let state = |sequence: usize| match together {
                true => &copy.values()[sequence * hidden_size..][..hidden_size],
                // SAFETY: this member's own.
                false => unsafe { states.read(before + sequence * hidden_size, hidden_size) },
            };
            for panel in to_and_fro(index, units.len().div_ceil(lanes)) {
                let first = units.start + panel * lanes;
                let width = lanes.min(units.end - first);
                let panel = &weights.values()[panel * panel_size..][..panel_size];
                let mut bias = [zero; G];
                if let Some(gate) = C::RECURRENT_BIAS {
                    bias[gate] = load(simd, &layer.bias_hh[gate * hidden_size + first..][..width]);
                }
                multiply::<S, G>(simd, &running, state, panel, bias, |sequence, recurrent| {
                    let own = sequence * hidden_size + first;
                    let at = kept.at(sequence, step) + first;
                    let mut input = [zero; G];
                    for gate in 0..G {
                        // SAFETY: this member's own, here and below.
                        let product = unsafe { kept.memory.read(at + C::INPUTS[gate] * hidden_size, width) };
                        input[gate] = load(simd, product);
                    }
                    let state_before = match C::CELL {
                        Some(_) => unsafe { cells.read(own, width) },
                        None => &state(sequence)[first..][..width],
                    };
                    let (values, hidden) = C::forward(simd, input, recurrent, load(simd, state_before));
                    if keep {
                        for slot in 0..N {
                            store(simd, unsafe { kept.memory.write(at + slot * hidden_size, width) }, values[slot]);
                        }
                    }
                    if let Some(slot) = C::CELL {
                        store(simd, unsafe { cells.write(own, width) }, values[slot]);
                    }
                    store(simd, unsafe { states.write(after + own, width) }, hidden);
                    let row = sequence * time + step;
                    store(simd, unsafe { outputs.write(row * hidden_size + first, width) }, hidden);
                });
            }
        }
    }
}
