//! The GRU whose reset gate acts before the recurrent product. Each step has two recurrent products: the first one
//! gives the reset gate r and the update gate z; the second one multiplies `r ⊙ h` and gives the candidate n.

use std::ops::Range;

use pulp::Simd;

use super::backward::{BackwardInputs, Gradients, SharedGradients};
use super::cells::{sigmoid_slope, tanh_slope};
use super::forward::{Forward, run_forward};
use super::memory::{Aligned, Shared};
use super::pack::{Panels, Part};
use super::products::{InputProducts, Workspace, input_gradient, weight_gradients};
use super::simd::{Plus, load, multiply, multiply_to, sigmoid, store, sums_buffer, tanh, tiles};
use super::team::Member;
use super::{Job, LayerArgs, Position, run_team, vectors};

/// The slot of the candidate n: its index among the values that the workspace holds per step and hidden unit.
const N: usize = 0;
/// The slot of the reset gate r: its index among the values that the workspace holds per step and hidden unit.
const R: usize = 1;
/// The slot of the update gate z: its index among the values that the workspace holds per step and hidden unit.
const Z: usize = 2;
/// The slot of the product `r ⊙ h` of reset gate and hidden state: its index among the values that the workspace holds
/// per step and hidden unit.
const RESET: usize = 3;
/// The number of values that the workspace holds per step and hidden unit.
const SLOTS: usize = 4;

/// The slots of the reset gate r, the update gate z and the candidate n, in the order of the weights. A slot is the
/// index of a value among the values that the workspace holds per step and hidden unit.
const INPUTS: [usize; 3] = [R, Z, N];

pub(super) fn forward(layer: &LayerArgs, keep: bool) -> Forward {
    let mut states = Aligned::new(layer.initial_hidden.len());
    states.values_mut().copy_from_slice(layer.initial_hidden);
    let mut resets = Aligned::new(layer.initial_hidden.len());
    run_forward(layer, keep, SLOTS, |workspace, outputs, _| {
        let [states, resets] = [&mut states, &mut resets].map(|memory| Shared::new(memory.values_mut()));
        run_team(layer.max_threads(), layer.work(), &Steps { layer, workspace, states, resets, outputs });
    })
}

struct Steps<'a> {
    layer: &'a LayerArgs<'a>,
    workspace: Workspace<'a>,
    /// The hidden state of each sequence, `[batch, hidden]`. When a step has computed the candidate n, it replaces the
    /// state before the step by the state after the step.
    states: Shared<'a>,
    /// The product `r ⊙ h` of reset gate and hidden state at the current step, `[batch, hidden]`.
    resets: Shared<'a>,
    /// The hidden state after every step, `[batch, time, hidden]`.
    outputs: Shared<'a>,
}

/// Computes one thread's part of the forward pass.
///
/// The first half of a step computes the gates r and z and the product `r ⊙ h`. The second half computes the candidate
/// n and the new hidden state. A thread writes the values of its own sequences and units only. It reads values of its
/// sequences for all units: from `states` in the first half, and from `resets` in the second half. Barriers separate
/// the halves. Each buffer is written only in the half in which no other thread reads it.
impl Job for Steps<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { layer, workspace, states, resets, .. } = *self;
        let LayerArgs { time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let (mut own_ih, mut own_rz, mut own_n) = (None, None, None);
        let mut inputs = InputProducts::<S, 3>::new(simd, workspace, &share, INPUTS, [true; 3], &mut own_ih);
        let (weight_rz, weight_n) = layer.weight_hh.split_at(2 * hidden_size * hidden_size);
        let pack = |matrix, gates| Panels::of_gates(matrix, hidden_size, share.units.clone(), gates, S::F32_LANES);
        let packed_rz = layer.packed.map(|packed| &packed.recurrent);
        let packed_n = layer.packed.and_then(|packed| packed.candidate.as_ref());
        let weight_rz = Part::of_units(packed_rz, &share.units, &mut own_rz, || pack(weight_rz, 2));
        let weight_n = Part::of_units(packed_n, &share.units, &mut own_n, || pack(weight_n, 1));
        let zero = simd.splat_f32s(0.0);
        let (mut recurrent_rz, mut recurrent_n) = (sums_buffer::<S, 2>(simd), sums_buffer::<S, 1>(simd));
        let mut active = Vec::new();
        let from_zero = layer.starts_from_zero();
        for index in 0..time {
            let zeros = index == 0 && from_zero;
            // SAFETY: only this thread uses its sequences and units.
            let workspace = unsafe { inputs.at(index) };
            let step = layer.step(index);
            layer.active(share.sequences.clone(), step, &mut active);

            share.synchronize(member);
            // SAFETY: no thread writes `states` in the first half of a step.
            let state = |sequence: usize| unsafe { states.read(sequence * hidden_size, hidden_size) };
            for panel in 0..weight_rz.count() {
                let (panel, values) = weight_rz.panel(panel);
                let values = if zeros { &[] } else { values };
                for (tile, _) in tiles::<S, 2>(&active, None) {
                    multiply::<S, 2>(simd, tile, state, (values, None), &[zero; 2], &mut recurrent_rz);
                    for row in 0..tile.len() {
                        let position = Position { sequence: tile[row], step, units: panel.covers.clone() };
                        let own = &state(tile[row])[position.units.clone()];
                        // SAFETY: only this thread uses its sequences and units.
                        unsafe { self.reset_and_update_gates(simd, workspace, &position, recurrent_rz[row], own) };
                    }
                }
            }

            share.synchronize(member);
            // SAFETY: no thread writes `resets` in the second half of a step.
            let reset = |sequence: usize| unsafe { resets.read(sequence * hidden_size, hidden_size) };
            for panel in 0..weight_n.count() {
                let (panel, values) = weight_n.panel(panel);
                let values = if zeros { &[] } else { values };
                for (tile, _) in tiles::<S, 1>(&active, None) {
                    multiply::<S, 1>(simd, tile, reset, (values, None), &[zero], &mut recurrent_n);
                    for row in 0..tile.len() {
                        let position = Position { sequence: tile[row], step, units: panel.covers.clone() };
                        let [recurrent] = recurrent_n[row];
                        // SAFETY: only this thread uses its sequences and units.
                        unsafe { self.candidate(simd, workspace, &position, recurrent) };
                    }
                }
            }
        }
    }
}

impl Steps<'_> {
    /// Computes the reset gate r, the update gate z and `r ⊙ h` for the hidden units in `position`. `recurrent` has the
    /// recurrent products of r and z. `state` is the hidden state `h` of these units before the step.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`, but other threads may read
    /// the hidden state `h`.
    #[inline(always)]
    unsafe fn reset_and_update_gates<S: Simd>(
        &self,
        simd: S,
        workspace: Workspace,
        position: &Position,
        recurrent: [S::f32s; 2],
        state: &[f32],
    ) {
        let Self { layer, resets, .. } = *self;
        let own = position.sequence * layer.hidden_size + position.units.start;
        // SAFETY: promised by the caller.
        unsafe {
            let [input_r, input_z] = workspace.load(simd, position, [R, Z]);
            let r = sigmoid(simd, simd.add_f32s(input_r, recurrent[0]));
            let z = sigmoid(simd, simd.add_f32s(input_z, recurrent[1]));
            let reset = simd.mul_f32s(r, load(simd, state));
            workspace.store(simd, position, [R, Z, RESET], &[r, z, reset]);
            store(simd, resets.write(own, position.units.len()), reset);
        }
    }

    /// Computes the candidate n and the hidden state after the step for the hidden units in `position`. `recurrent` is
    /// the recurrent product of n.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`.
    #[inline(always)]
    unsafe fn candidate<S: Simd>(&self, simd: S, workspace: Workspace, position: &Position, recurrent: S::f32s) {
        let Self { layer: LayerArgs { time, hidden_size, .. }, states, outputs, .. } = *self;
        let Position { sequence, step, ref units } = *position;
        let output = (sequence * time + step) * hidden_size + units.start;
        // SAFETY: promised by the caller.
        unsafe {
            let state = states.write(sequence * hidden_size + units.start, units.len());
            let [input_n, z] = workspace.load(simd, position, [N, Z]);
            let n = tanh(simd, simd.add_f32s(input_n, recurrent));
            let hidden = simd.mul_add_e_f32s(z, simd.sub_f32s(load(simd, state), n), n);
            workspace.store(simd, position, [N], &[n]);
            store(simd, state, hidden);
            store(simd, outputs.write(output, units.len()), hidden);
        }
    }
}

pub(super) fn backward(inputs: BackwardInputs, saved: Aligned) -> Gradients {
    Gradients::compute(inputs, saved, SLOTS, |workspace, grads| {
        run_team(inputs.layer.max_threads(), inputs.layer.work(), &BackwardSteps { inputs, workspace, grads })
    })
}

struct BackwardSteps<'a> {
    inputs: BackwardInputs<'a>,
    /// The values that the forward pass has saved. The backward loop over the steps replaces them by the gradients of
    /// the gates.
    workspace: Workspace<'a>,
    grads: SharedGradients<'a>,
}

impl Job for BackwardSteps<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { inputs: BackwardInputs { layer, outputs, .. }, workspace, grads } = *self;
        self.steps(simd, member);
        member.wait();

        let rows = layer.rows();
        let read = |row: usize| layer.input_at(row);
        let state = |row: usize| layer.state_before(outputs, row / layer.time, row % layer.time);
        // SAFETY: after the barrier, no thread writes the workspace. This also holds for the unsafe code below, in
        // which each thread writes its own rows and units.
        let reset = |row: usize| unsafe { workspace.row(row, RESET..RESET + 1) };
        let gradients = [
            grads.input_weights(layer, &INPUTS, &read),
            grads.recurrent_weights(layer, 0, &[R, Z], &state),
            grads.recurrent_weights(layer, 2, &[N], &reset),
        ];
        unsafe {
            input_gradient(simd, member, &rows, workspace, INPUTS, grads.input);
            weight_gradients(simd, member, &rows, workspace, gradients);
        }
    }
}

impl BackwardSteps<'_> {
    /// Computes the gradients of the gates at all steps and of the initial states.
    ///
    /// A thread writes the values of its own sequences and units only. At each step, the thread reads gradients that
    /// other threads write, for its own sequences and all units: first the gradients of the candidate n, then the
    /// gradients of the gates r and z. Each of these two reads comes after a barrier, at which all threads have written
    /// the gradients that are read.
    #[inline(always)]
    fn steps<S: Simd>(&self, simd: S, member: &Member) {
        let Self { inputs: BackwardInputs { layer, to_initial, .. }, grads, .. } = *self;
        let LayerArgs { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let weights_rz = Panels::of_columns(simd, 2 * hidden_size, weight, share.units.clone());
        let weights_n = Panels::of_columns(simd, hidden_size, |k| weight(2 * hidden_size + k), share.units.clone());
        let mut d_resets = Aligned::new(batch * hidden_size);
        let d_resets = Shared::new(d_resets.values_mut());
        let mut active = Vec::new();
        for index in (0..time).rev() {
            let step = layer.step(index);
            layer.active(share.sequences.clone(), step, &mut active);
            for &sequence in &active {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    // SAFETY: only this thread uses its sequences and units, here and in the unsafe code below. This
                    // thread reads the gradients of other threads only after a barrier.
                    unsafe { self.candidate_gradients(simd, &Position { sequence, step, units }) };
                }
            }
            share.synchronize(member);
            unsafe { self.product(simd, (&active, step), N..N + 1, &weights_n, Plus::Nothing, d_resets) };
            for &sequence in &active {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    unsafe { self.reset_gradients(simd, &Position { sequence, step, units }, d_resets) };
                }
            }
            if index == 0 && !to_initial {
                break;
            }
            share.synchronize(member);
            unsafe { self.product(simd, (&active, step), R..Z + 1, &weights_rz, Plus::Old, grads.hidden) };
        }
    }

    /// Multiplies the gradients in the slots `slots` of the workspace by a weight matrix, for the sequences `active` at
    /// a step. `plus` says whether the products are added to the values in `to`, `[batch, hidden]`, or replace them. A
    /// slot is the index of a value among the values that the workspace holds per step and hidden unit.
    ///
    /// # Safety
    ///
    /// No thread writes the gradients in `slots`, and no other thread uses the values in `to` that this function
    /// writes.
    #[inline(always)]
    unsafe fn product<S: Simd>(
        &self,
        simd: S,
        (active, step): (&[usize], usize),
        slots: Range<usize>,
        weights: &Panels,
        plus: Plus,
        to: Shared,
    ) {
        let LayerArgs { time, hidden_size, .. } = *self.inputs.layer;
        // SAFETY: promised by the caller, here and below.
        let gradients = |sequence: usize| unsafe { self.workspace.row(sequence * time + step, slots.clone()) };
        let to = |sequence: usize, units: Range<usize>| unsafe {
            to.write(sequence * hidden_size + units.start, units.len())
        };
        for panel in 0..weights.count() {
            multiply_to(simd, active, gradients, weights, panel, plus, to);
        }
    }

    /// Computes the gradients of the candidate n and of the update gate z for the hidden units in `position`. Also
    /// computes one part of the gradient of the hidden state `h` before the step: the part that flows through `z ⊙ h`.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`.
    #[inline(always)]
    unsafe fn candidate_gradients<S: Simd>(&self, simd: S, position: &Position) {
        let Self { inputs: BackwardInputs { layer, outputs, d_outputs, .. }, workspace, grads } = *self;
        let LayerArgs { time, hidden_size, .. } = *layer;
        let Position { sequence, step, ref units } = *position;
        let before = load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]);
        let output = load(simd, &d_outputs[(sequence * time + step) * hidden_size..][units.clone()]);
        // SAFETY: promised by the caller.
        unsafe {
            let hidden = grads.hidden.write(sequence * hidden_size + units.start, units.len());
            let after = simd.add_f32s(load(simd, hidden), output);
            let [n, z] = workspace.load(simd, position, [N, Z]);
            let direct = simd.mul_f32s(after, z);
            let d_n = simd.mul_f32s(simd.sub_f32s(after, direct), tanh_slope(simd, n));
            let d_z = simd.mul_f32s(simd.mul_f32s(after, simd.sub_f32s(before, n)), sigmoid_slope(simd, z));
            workspace.store(simd, position, [N, Z], &[d_n, d_z]);
            store(simd, hidden, direct);
        }
    }

    /// Computes the gradient of the reset gate r for the hidden units in `position`. `d_resets` is the gradient of
    /// `r ⊙ h`, `[batch, hidden]`. Adds the gradient that flows through `r ⊙ h` to the gradient of the hidden state `h`
    /// before the step.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`.
    #[inline(always)]
    unsafe fn reset_gradients<S: Simd>(&self, simd: S, position: &Position, d_resets: Shared) {
        let Self { inputs: BackwardInputs { layer, outputs, .. }, workspace, grads } = *self;
        let Position { sequence, step, ref units } = *position;
        let own = sequence * layer.hidden_size + units.start;
        let before = load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]);
        // SAFETY: promised by the caller.
        unsafe {
            let d_reset = load(simd, d_resets.read(own, units.len()));
            let hidden = grads.hidden.write(own, units.len());
            let [r] = workspace.load(simd, position, [R]);
            let d_r = simd.mul_f32s(simd.mul_f32s(d_reset, before), sigmoid_slope(simd, r));
            workspace.store(simd, position, [R], &[d_r]);
            store(simd, hidden, simd.mul_add_e_f32s(d_reset, r, load(simd, hidden)));
        }
    }
}
