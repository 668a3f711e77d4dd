//! The gated recurrent unit whose reset gate acts before the recurrent product: two products a step, the second with what
//! the first led to.

use std::ops::Range;

use pulp::Simd;

use super::backward::{GateGradients, Given, Gradients, SharedGradients, input, weights};
use super::cells::{sigmoid_slope, tanh_slope};
use super::forward::{Forward, InputProducts, Kept, block, with_final_states};
use super::memory::{Aligned, Shared};
use super::pack::{self, Columns};
use super::simd::{load, multiply, multiply_to, sigmoid, store, tanh};
use super::team::Member;
use super::{Job, Layer, Share, work};

// What is kept of a unit and step.
const N: usize = 0;
const R: usize = 1;
const Z: usize = 2;
/// `r ⊙ h`
const RESET: usize = 3;
const SLOTS: usize = 4;

/// The slots of gates r, z and n.
const INPUTS: [usize; 3] = [R, Z, N];

pub(super) fn forward(layer: &Layer, keep: bool) -> Forward {
    let kept_steps = if keep { layer.time } else { block(layer) };
    let mut kept = Aligned::new(layer.batch * kept_steps * SLOTS * layer.hidden_size);
    let mut states = Aligned::new(layer.initial_hidden.len());
    states.values_mut().copy_from_slice(layer.initial_hidden);
    let mut resets = Aligned::new(layer.initial_hidden.len());
    let outputs = with_final_states(layer, |outputs, _| {
        let steps = Steps {
            layer,
            kept: Kept { memory: Shared::new(kept.values_mut()), steps: kept_steps, slots: SLOTS, layer },
            states: Shared::new(states.values_mut()),
            resets: Shared::new(resets.values_mut()),
            outputs: Shared::new(outputs),
        };
        work(layer, &steps);
    });
    Forward { outputs, kept: keep.then_some(kept) }
}

struct Steps<'a> {
    layer: &'a Layer<'a>,
    kept: Kept<'a>,
    /// `[B, H]`
    states: Shared<'a>,
    /// `r ⊙ h`, `[B, H]`
    resets: Shared<'a>,
    /// `[B, T, H]`
    outputs: Shared<'a>,
}

/// One member's share of all steps.
///
/// It writes its own sequences and units of everything. It reads all units of its sequences in `states` in the first half
/// of a step and in `resets` in the second, when all have come there, and each is written in the other half alone.
impl Job for Steps<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { layer, kept, states, resets, outputs } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let Share { sequences, units, together } = layer.share(member);
        let lanes = S::F32_LANES;
        let zero = simd.splat_f32s(0.0);
        let mut inputs = InputProducts::<S, 3>::new(simd, layer, units.clone(), INPUTS, [true; 3]);
        let (weight_rz, weight_n) = layer.weight_hh.split_at(2 * hidden_size * hidden_size);
        let weight_rz = pack::gates(weight_rz, hidden_size, units.clone(), 2, lanes);
        let weight_n = pack::gates(weight_n, hidden_size, units.clone(), 1, lanes);
        let vectors = || units.clone().step_by(lanes).map(|first| (first, lanes.min(units.end - first)));
        let meet = || {
            if together {
                member.wait();
            }
        };
        let mut running = Vec::new();

        let block = block(layer);
        for index in 0..time {
            if index % block == 0 {
                // SAFETY: this member's own.
                unsafe { inputs.write(kept, sequences.clone(), index..time.min(index + block)) };
            }
            let step = layer.step(index);
            layer.running(sequences.clone(), step, &mut running);
            let slot =
                |sequence: usize, slot: usize, first: usize| kept.at(sequence, step) + slot * hidden_size + first;

            meet();
            // SAFETY: `states` is written in the other half; the rest is this member's own, here and below.
            let state = |sequence: usize| unsafe { states.read(sequence * hidden_size, hidden_size) };
            for (panel, (first, width)) in weight_rz.values().chunks_exact(hidden_size * 2 * lanes).zip(vectors()) {
                multiply::<S, 2>(simd, &running, state, panel, [zero; 2], |sequence, recurrent| {
                    let gate = |index: usize| {
                        let input = unsafe { kept.memory.read(slot(sequence, INPUTS[index], first), width) };
                        sigmoid(simd, simd.add_f32s(load(simd, input), recurrent[index]))
                    };
                    let [r, z] = [gate(0), gate(1)];
                    let reset = simd.mul_f32s(r, load(simd, &state(sequence)[first..][..width]));
                    for (kind, value) in [(R, r), (Z, z), (RESET, reset)] {
                        store(simd, unsafe { kept.memory.write(slot(sequence, kind, first), width) }, value);
                    }
                    store(simd, unsafe { resets.write(sequence * hidden_size + first, width) }, reset);
                });
            }

            meet();
            // SAFETY: `resets` is written in the other half; the rest is this member's own, here and below.
            let reset = |sequence: usize| unsafe { resets.read(sequence * hidden_size, hidden_size) };
            for (panel, (first, width)) in weight_n.values().chunks_exact(hidden_size * lanes).zip(vectors()) {
                multiply::<S, 1>(simd, &running, reset, panel, [zero], |sequence, [recurrent]| {
                    let at = |kind: usize| slot(sequence, kind, first);
                    let input = load(simd, unsafe { kept.memory.read(at(N), width) });
                    let z = load(simd, unsafe { kept.memory.read(at(Z), width) });
                    let state = unsafe { states.write(sequence * hidden_size + first, width) };
                    let n = tanh(simd, simd.add_f32s(input, recurrent));
                    let hidden = simd.mul_add_f32s(z, simd.sub_f32s(load(simd, state), n), n);
                    store(simd, unsafe { kept.memory.write(at(N), width) }, n);
                    store(simd, state, hidden);
                    let row = sequence * time + step;
                    store(simd, unsafe { outputs.write(row * hidden_size + first, width) }, hidden);
                });
            }
        }
    }
}

pub(super) fn backward(given: Given, mut kept: Aligned) -> Gradients {
    let layer = given.layer;
    let mut gradients = Gradients::new(&given);
    let gates = GateGradients { memory: Shared::new(kept.values_mut()), slots: SLOTS, layer };
    work(layer, &BackwardSteps { given, gates, to: gradients.shared(layer) });
    gradients
}

struct BackwardSteps<'a> {
    given: Given<'a>,
    gates: GateGradients<'a>,
    to: SharedGradients<'a>,
}

impl Job for BackwardSteps<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, outputs, .. }, gates, to } = *self;
        self.gates(simd, member);
        member.wait();

        // SAFETY: nobody writes the gates' gradients any more; each member writes rows and units of its own.
        unsafe {
            input(simd, member, gates, INPUTS, to.input);
            let input = |row: usize| layer.input_at(row);
            let state = |row: usize| layer.state_before(outputs, row);
            let reset = |row: usize| gates.read(row, RESET..RESET + 1);
            weights(simd, member, gates, &INPUTS, 0, input, to.weight_ih, to.bias_ih);
            weights(simd, member, gates, &[R, Z], 0, state, to.weight_hh, to.bias_hh);
            weights(simd, member, gates, &[N], 2, reset, to.weight_hh, to.bias_hh);
        }
    }
}

impl BackwardSteps<'_> {
    /// The gradients of the gates at all steps, and of the initial states.
    ///
    /// A member writes its own sequences and units of everything. It reads all units of its sequences' gates n, and then of
    /// r and z, at a step: when all have come there, after which nobody writes them.
    #[inline(always)]
    fn gates<S: Simd>(&self, simd: S, member: &Member) {
        let Self {
            given: Given { layer, outputs, d_outputs, .. },
            gates,
            to: SharedGradients { hidden: d_hidden, .. },
        } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let Share { sequences, units, together } = layer.share(member);
        let lanes = S::F32_LANES;
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let columns_rz = Columns::new(2 * hidden_size, weight, units.clone(), lanes);
        let columns_n = Columns::new(hidden_size, |k| weight(2 * hidden_size + k), units.clone(), lanes);
        let vectors = || units.clone().step_by(lanes).map(|first| (first, lanes.min(units.end - first)));
        let meet = || {
            if together {
                member.wait();
            }
        };
        let mut d_resets = Aligned::new(layer.batch * hidden_size);
        let d_resets = Shared::new(d_resets.values_mut());
        let mut running = Vec::new();
        for step in (0..time).rev().map(|index| layer.step(index)) {
            layer.running(sequences.clone(), step, &mut running);
            // SAFETY: this member's own, here and below.
            let kept = |row: usize, slot: usize, first: usize, width: usize| {
                load(simd, unsafe { gates.memory.read(gates.at(row, slot) + first, width) })
            };
            let write = |row: usize, slot: usize, first: usize, width: usize, value: S::f32s| {
                store(simd, unsafe { gates.memory.write(gates.at(row, slot) + first, width) }, value);
            };
            for &sequence in &running {
                let row = sequence * time + step;
                let before = layer.state_before(outputs, row);
                for (first, width) in vectors() {
                    let hidden = unsafe { d_hidden.write(sequence * hidden_size + first, width) };
                    let output = load(simd, &d_outputs[row * hidden_size + first..][..width]);
                    let after = simd.add_f32s(load(simd, hidden), output);
                    let [n, z] = [N, Z].map(|slot| kept(row, slot, first, width));
                    let before = load(simd, &before[first..][..width]);
                    let direct = simd.mul_f32s(after, z);
                    let d_n = simd.mul_f32s(simd.sub_f32s(after, direct), tanh_slope(simd, n));
                    let d_z = simd.mul_f32s(simd.mul_f32s(after, simd.sub_f32s(before, n)), sigmoid_slope(simd, z));
                    write(row, N, first, width, d_n);
                    write(row, Z, first, width, d_z);
                    store(simd, hidden, direct);
                }
            }

            meet();
            // SAFETY: all have written gate n's gradients at this step.
            let gate_n = |sequence: usize| unsafe { gates.read(sequence * time + step, N..N + 1) };
            for panel in 0..columns_n.count() {
                // SAFETY: this member's own.
                let to = |sequence: usize, units: Range<usize>| unsafe {
                    d_resets.write(sequence * hidden_size + units.start, units.len())
                };
                multiply_to(simd, &running, gate_n, &columns_n, panel, false, to);
            }
            for &sequence in &running {
                let row = sequence * time + step;
                let before = layer.state_before(outputs, row);
                for (first, width) in vectors() {
                    let own = sequence * hidden_size + first;
                    // SAFETY: this member's own.
                    let d_reset = load(simd, unsafe { d_resets.read(own, width) });
                    let hidden = unsafe { d_hidden.write(own, width) };
                    let r = kept(row, R, first, width);
                    let d_r = simd.mul_f32s(d_reset, load(simd, &before[first..][..width]));
                    write(row, R, first, width, simd.mul_f32s(d_r, sigmoid_slope(simd, r)));
                    store(simd, hidden, simd.mul_add_f32s(d_reset, r, load(simd, hidden)));
                }
            }

            meet();
            // SAFETY: all have written the gradients of gates r and z at this step.
            let gates_rz = |sequence: usize| unsafe { gates.read(sequence * time + step, R..Z + 1) };
            for panel in 0..columns_rz.count() {
                // SAFETY: this member's own.
                let hidden = |sequence: usize, units: Range<usize>| unsafe {
                    d_hidden.write(sequence * hidden_size + units.start, units.len())
                };
                multiply_to(simd, &running, gates_rz, &columns_rz, panel, true, hidden);
            }
        }
    }
}
