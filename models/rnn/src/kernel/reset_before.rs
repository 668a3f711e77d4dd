//! The gated recurrent unit whose reset gate acts before the recurrent product: two products a step, the second with what
//! the first led to.

use std::ops::Range;

use pulp::Simd;

use super::backward::{Given, Gradients, SharedGradients};
use super::cells::{sigmoid_slope, tanh_slope};
use super::forward::{Forward, read};
use super::memory::{Aligned, Shared};
use super::pack::Panels;
use super::products::{InputProducts, Kept, input, weights};
use super::simd::{load, multiply, multiply_to, sigmoid, store, tanh, tiles};
use super::team::Member;
use super::{Job, Layer, Place, vectors, work};

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
    let mut states = Aligned::new(layer.initial_hidden.len());
    states.values_mut().copy_from_slice(layer.initial_hidden);
    let mut resets = Aligned::new(layer.initial_hidden.len());
    read(layer, keep, SLOTS, |kept, outputs, _| {
        let [states, resets] = [&mut states, &mut resets].map(|memory| Shared::new(memory.values_mut()));
        work(layer.members(), &Steps { layer, kept, states, resets, outputs });
    })
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
        let Self { layer, kept, states, resets, .. } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let mut inputs = InputProducts::<S, 3>::new(simd, kept, &share, INPUTS, [true; 3]);
        let (weight_rz, weight_n) = layer.weight_hh.split_at(2 * hidden_size * hidden_size);
        let weight_rz = Panels::of_gates(weight_rz, hidden_size, share.units.clone(), 2, S::F32_LANES);
        let weight_n = Panels::of_gates(weight_n, hidden_size, share.units.clone(), 1, S::F32_LANES);
        let zero = simd.splat_f32s(0.0);
        let mut running = Vec::new();
        for index in 0..time {
            // SAFETY: this member's own.
            let kept = unsafe { inputs.at(index) };
            let step = layer.step(index);
            layer.running(share.sequences.clone(), step, &mut running);

            share.meet(member);
            // SAFETY: `states` is written in the other half.
            let state = |sequence: usize| unsafe { states.read(sequence * hidden_size, hidden_size) };
            for panel in 0..weight_rz.count() {
                let (panel, values) = weight_rz.panel(panel);
                for (tile, _) in tiles::<S, 2>(&running, None) {
                    let recurrent = multiply::<S, 2>(simd, tile, state, (values, None), [zero; 2]);
                    for row in 0..tile.len() {
                        let place = Place { sequence: tile[row], step, units: panel.covers.clone() };
                        let own = &state(tile[row])[place.units.clone()];
                        // SAFETY: this member's own.
                        unsafe { self.reset(simd, kept, &place, recurrent[row], own) };
                    }
                }
            }

            share.meet(member);
            // SAFETY: `resets` is written in the other half.
            let reset = |sequence: usize| unsafe { resets.read(sequence * hidden_size, hidden_size) };
            for panel in 0..weight_n.count() {
                let (panel, values) = weight_n.panel(panel);
                for (tile, _) in tiles::<S, 1>(&running, None) {
                    let recurrent = multiply::<S, 1>(simd, tile, reset, (values, None), [zero]);
                    for row in 0..tile.len() {
                        let place = Place { sequence: tile[row], step, units: panel.covers.clone() };
                        let [recurrent] = recurrent[row];
                        // SAFETY: this member's own.
                        unsafe { self.renew(simd, kept, &place, recurrent) };
                    }
                }
            }
        }
    }
}

impl Steps<'_> {
    /// Gates r and z of some units at a step, and their states as far as r lets them, from their recurrent products.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence, but for their states.
    #[inline(always)]
    unsafe fn reset<S: Simd>(&self, simd: S, kept: Kept, place: &Place, recurrent: [S::f32s; 2], state: &[f32]) {
        let Self { layer, resets, .. } = *self;
        let own = place.sequence * layer.hidden_size + place.units.start;
        // SAFETY: the caller's promise.
        unsafe {
            let r = sigmoid(simd, simd.add_f32s(kept.load(simd, place, R), recurrent[0]));
            let z = sigmoid(simd, simd.add_f32s(kept.load(simd, place, Z), recurrent[1]));
            let reset = simd.mul_f32s(r, load(simd, state));
            kept.store(simd, place, R, r);
            kept.store(simd, place, Z, z);
            kept.store(simd, place, RESET, reset);
            store(simd, resets.write(own, place.units.len()), reset);
        }
    }

    /// Gate n of some units at a step, and their states after it, from their recurrent product.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence.
    #[inline(always)]
    unsafe fn renew<S: Simd>(&self, simd: S, kept: Kept, place: &Place, recurrent: S::f32s) {
        let Self { layer: Layer { time, hidden_size, .. }, states, outputs, .. } = *self;
        let Place { sequence, step, ref units } = *place;
        let output = (sequence * time + step) * hidden_size + units.start;
        // SAFETY: the caller's promise.
        unsafe {
            let state = states.write(sequence * hidden_size + units.start, units.len());
            let n = tanh(simd, simd.add_f32s(kept.load(simd, place, N), recurrent));
            let z = kept.load(simd, place, Z);
            let hidden = simd.mul_add_f32s(z, simd.sub_f32s(load(simd, state), n), n);
            kept.store(simd, place, N, n);
            store(simd, state, hidden);
            store(simd, outputs.write(output, units.len()), hidden);
        }
    }
}

pub(super) fn backward(given: Given, kept: Aligned) -> Gradients {
    Gradients::from(given, kept, SLOTS, |kept, to| work(given.layer.members(), &BackwardSteps { given, kept, to }))
}

struct BackwardSteps<'a> {
    given: Given<'a>,
    /// What the forward pass kept, which step by step becomes the gradients of the gates.
    kept: Kept<'a>,
    to: SharedGradients<'a>,
}

impl Job for BackwardSteps<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, outputs, .. }, kept, to } = *self;
        self.steps(simd, member);
        member.wait();

        let rows = layer.rows();
        let read = |row: usize| layer.input_at(row);
        let state = |row: usize| layer.state_before(outputs, row / layer.time, row % layer.time);
        // SAFETY: nobody writes what was kept any more, here and below; each member writes rows and units of its own.
        let reset = |row: usize| unsafe { kept.row(row, RESET..RESET + 1) };
        let factors = [
            to.of_input(layer, &INPUTS, &read),
            to.of_state(layer, 0, &[R, Z], &state),
            to.of_state(layer, 2, &[N], &reset),
        ];
        unsafe {
            input(simd, member, &rows, kept, INPUTS, to.input);
            weights(simd, member, &rows, kept, factors);
        }
    }
}

impl BackwardSteps<'_> {
    /// The gradients of the gates at all steps, and of the initial states.
    ///
    /// A member writes its own sequences and units of everything. It reads all units of its sequences' gates n, and then of
    /// r and z, at a step: when all have come there, after which nobody writes them.
    #[inline(always)]
    fn steps<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, .. }, to, .. } = *self;
        let Layer { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let weights_rz = Panels::of_columns(simd, 2 * hidden_size, weight, share.units.clone());
        let weights_n = Panels::of_columns(simd, hidden_size, |k| weight(2 * hidden_size + k), share.units.clone());
        let mut d_resets = Aligned::new(batch * hidden_size);
        let d_resets = Shared::new(d_resets.values_mut());
        let mut running = Vec::new();
        for step in (0..time).rev().map(|index| layer.step(index)) {
            layer.running(share.sequences.clone(), step, &mut running);
            for &sequence in &running {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    // SAFETY: this member's own, here and below; all have come there where gradients are read.
                    unsafe { self.renew(simd, &Place { sequence, step, units }) };
                }
            }
            share.meet(member);
            unsafe { self.product(simd, (&running, step), N..N + 1, &weights_n, false, d_resets) };
            for &sequence in &running {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    unsafe { self.reset(simd, &Place { sequence, step, units }, d_resets) };
                }
            }
            share.meet(member);
            unsafe { self.product(simd, (&running, step), R..Z + 1, &weights_rz, true, to.hidden) };
        }
    }

    /// Writes, or adds, the products of some slots' gradients with a weight, for all `running` sequences at a step.
    ///
    /// # Safety
    ///
    /// Nobody writes these gradients, and nobody else uses these sequences and the weight's units of `to`.
    #[inline(always)]
    unsafe fn product<S: Simd>(
        &self,
        simd: S,
        (running, step): (&[usize], usize),
        slots: Range<usize>,
        weights: &Panels,
        add: bool,
        to: Shared,
    ) {
        let Layer { time, hidden_size, .. } = *self.given.layer;
        // SAFETY: the caller's promise, here and below.
        let gradients = |sequence: usize| unsafe { self.kept.row(sequence * time + step, slots.clone()) };
        let to = |sequence: usize, units: Range<usize>| unsafe {
            to.write(sequence * hidden_size + units.start, units.len())
        };
        for panel in 0..weights.count() {
            multiply_to(simd, running, gradients, weights, panel, add, to);
        }
    }

    /// The gradients of some units' gates n and z at a step, and of their states before it by the direct way.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence.
    #[inline(always)]
    unsafe fn renew<S: Simd>(&self, simd: S, place: &Place) {
        let Self { given: Given { layer, outputs, d_outputs, .. }, kept, to } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let Place { sequence, step, ref units } = *place;
        let before = load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]);
        let output = load(simd, &d_outputs[(sequence * time + step) * hidden_size..][units.clone()]);
        // SAFETY: the caller's promise.
        unsafe {
            let hidden = to.hidden.write(sequence * hidden_size + units.start, units.len());
            let after = simd.add_f32s(load(simd, hidden), output);
            let [n, z] = [kept.load(simd, place, N), kept.load(simd, place, Z)];
            let direct = simd.mul_f32s(after, z);
            let d_n = simd.mul_f32s(simd.sub_f32s(after, direct), tanh_slope(simd, n));
            let d_z = simd.mul_f32s(simd.mul_f32s(after, simd.sub_f32s(before, n)), sigmoid_slope(simd, z));
            kept.store(simd, place, N, d_n);
            kept.store(simd, place, Z, d_z);
            store(simd, hidden, direct);
        }
    }

    /// The gradients of some units' gates r at a step, and of their states before it by way of gate n.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence.
    #[inline(always)]
    unsafe fn reset<S: Simd>(&self, simd: S, place: &Place, d_resets: Shared) {
        let Self { given: Given { layer, outputs, .. }, kept, to } = *self;
        let Place { sequence, step, ref units } = *place;
        let own = sequence * layer.hidden_size + units.start;
        let before = load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]);
        // SAFETY: the caller's promise.
        unsafe {
            let d_reset = load(simd, d_resets.read(own, units.len()));
            let hidden = to.hidden.write(own, units.len());
            let r = kept.load(simd, place, R);
            let d_r = simd.mul_f32s(simd.mul_f32s(d_reset, before), sigmoid_slope(simd, r));
            kept.store(simd, place, R, d_r);
            store(simd, hidden, simd.mul_add_f32s(d_reset, r, load(simd, hidden)));
        }
    }
}
