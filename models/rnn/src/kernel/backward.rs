//! The steps in reverse.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::cells::{Gates, Pair};
use super::memory::{Aligned, Shared};
use super::pack::{Panels, at_once, to_and_fro};
use super::products::{Factor, Kept, input, weights};
use super::simd::{load, multiply_to, store};
use super::team::Member;
use super::{Job, Layer, Place, vectors, work};

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
    /// From a function that goes through all steps, given what the forward pass kept in some `slots`.
    pub(super) fn from(
        given: Given,
        mut kept: Aligned,
        slots: usize,
        steps: impl FnOnce(Kept, SharedGradients),
    ) -> Self {
        let layer = given.layer;
        let zeros = |like: &[f32]| vec![0.0; like.len()];
        let mut all = Self {
            input: zeros(layer.input),
            weight_ih: zeros(layer.weight_ih),
            weight_hh: zeros(layer.weight_hh),
            bias_ih: zeros(layer.bias_ih),
            bias_hh: zeros(layer.bias_hh),
            // Those of the final states, which go back step by step.
            initial: given.d_final.to_vec(),
        };
        let (hidden, cell) = all.initial.split_at_mut(layer.initial_hidden.len());
        let shared = SharedGradients {
            input: Shared::new(&mut all.input),
            weight_ih: Shared::new(&mut all.weight_ih),
            weight_hh: Shared::new(&mut all.weight_hh),
            bias_ih: Shared::new(&mut all.bias_ih),
            bias_hh: Shared::new(&mut all.bias_hh),
            hidden: Shared::new(hidden),
            cell: Shared::new(cell),
        };
        steps(Kept { memory: Shared::new(kept.values_mut()), steps: layer.time, first: 0, slots, layer }, shared);
        all
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

impl<'a> SharedGradients<'a> {
    /// The factor of input weights whose gates' gradients are in `slots`.
    pub fn of_input(&self, layer: &Layer, slots: &'a [usize], at: &'a dyn Fn(usize) -> &'a [f32]) -> Factor<'a> {
        let Layer { hidden_size, input_size: size, .. } = *layer;
        Factor { slots, first_gate: 0, hidden_size, size, at, d_weight: self.weight_ih, d_bias: self.bias_ih }
    }

    /// The factor of recurrent weights, from a gate on, whose gates' gradients are in `slots`.
    pub fn of_state(
        &self,
        layer: &Layer,
        first_gate: usize,
        slots: &'a [usize],
        at: &'a dyn Fn(usize) -> &'a [f32],
    ) -> Factor<'a> {
        let Layer { hidden_size, .. } = *layer;
        Factor { slots, first_gate, hidden_size, size: hidden_size, at, d_weight: self.weight_hh, d_bias: self.bias_hh }
    }
}

pub(super) fn backward<C: Gates<G, N>, const G: usize, const N: usize>(given: Given, kept: Aligned) -> Gradients {
    Gradients::from(given, kept, N, |kept, to| {
        work(given.layer.members(), &Steps::<C, G, N> { given, kept, to, gates: PhantomData });
    })
}

struct Steps<'a, C, const G: usize, const N: usize> {
    given: Given<'a>,
    /// What the forward pass kept, which step by step becomes the gradients of the gates.
    kept: Kept<'a>,
    to: SharedGradients<'a>,
    gates: PhantomData<C>,
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Steps<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, outputs, .. }, kept, to, .. } = *self;
        self.steps(simd, member);
        member.wait();

        let rows = layer.rows();
        let read = |row: usize| layer.input_at(row);
        let state = |row: usize| layer.state_before(outputs, row / layer.time, row % layer.time);
        let factors = [to.of_input(layer, &C::INPUTS, &read), to.of_state(layer, 0, &C::RECURRENT, &state)];
        // SAFETY: nobody writes the gates' gradients any more; each member writes rows and units of its own.
        unsafe {
            input(simd, member, &rows, kept, C::INPUTS, to.input);
            weights(simd, member, &rows, kept, factors);
        }
    }
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Steps<'_, C, G, N> {
    /// The gradients of the gates at all steps, and of the initial states.
    ///
    /// A member writes its own sequences and units of everything. It reads all units of its sequences' gates at a step:
    /// those of other members when all have come there, after which nobody writes them.
    #[inline(always)]
    fn steps<S: Simd>(&self, simd: S, member: &Member) {
        let Self { given: Given { layer, .. }, kept, to, .. } = *self;
        let Layer { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let span = G * hidden_size;
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let weights = Panels::of_columns(simd, span, weight, share.units.clone());
        let mut copy = Aligned::new(if share.together { batch * span } else { 0 });
        let mut running = Vec::new();
        for index in (0..time).rev() {
            let step = layer.step(index);
            layer.running(share.sequences.clone(), step, &mut running);
            for &sequence in &running {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    // SAFETY: this member's own.
                    unsafe { self.gates(simd, &Place { sequence, step, units }) };
                }
            }

            // SAFETY: all have written the gates' gradients at this step.
            let gates =
                |sequence: usize| unsafe { kept.row(sequence * time + step, C::RECURRENT[0]..C::RECURRENT[0] + G) };
            if share.together {
                member.wait();
                // All at once, as they come from other cores.
                for &sequence in &running {
                    copy.values_mut()[sequence * span..][..span].copy_from_slice(gates(sequence));
                }
            }
            let gates = |sequence: usize| match share.together {
                true => &copy.values()[sequence * span..][..span],
                false => gates(sequence),
            };
            // SAFETY: this member's own.
            let hidden = |sequence: usize, units: Range<usize>| unsafe {
                to.hidden.write(sequence * hidden_size + units.start, units.len())
            };
            for running in at_once(&running, span) {
                for panel in to_and_fro(index, weights.count()) {
                    multiply_to(simd, running, gates, &weights, panel, true, hidden);
                }
            }
        }
    }

    /// The gradients of some units' gates at a step, and of their states before it but for the recurrent product.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence.
    #[inline(always)]
    unsafe fn gates<S: Simd>(&self, simd: S, place: &Place) {
        let Self { given: Given { layer, outputs, d_outputs, .. }, kept, to, .. } = *self;
        let Layer { time, hidden_size, .. } = *layer;
        let Place { sequence, step, ref units } = *place;
        let own = sequence * hidden_size + units.start;
        let output = &d_outputs[(sequence * time + step) * hidden_size..][units.clone()];
        // SAFETY: the caller's promise.
        unsafe {
            let mut values = [simd.splat_f32s(0.0); N];
            for slot in 0..N {
                values[slot] = kept.load(simd, place, slot);
            }
            let before = match (C::CELL, layer.step_before(sequence, step)) {
                (None, _) => load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]),
                (Some(slot), Some(step)) => kept.load(simd, &Place { step, ..place.clone() }, slot),
                (Some(_), None) => load(simd, &layer.initial_cell[own..][..units.len()]),
            };
            let hidden = to.hidden.write(own, units.len());
            let mut after =
                Pair { hidden: simd.add_f32s(load(simd, hidden), load(simd, output)), cell: simd.splat_f32s(0.0) };
            if C::CELL.is_some() {
                after.cell = load(simd, to.cell.read(own, units.len()));
            }
            let (gradients, before) = C::backward(simd, values, before, after);
            for slot in 0..C::GRADIENTS {
                kept.store(simd, place, slot, gradients[slot]);
            }
            store(simd, hidden, before.hidden);
            if C::CELL.is_some() {
                store(simd, to.cell.write(own, units.len()), before.cell);
            }
        }
    }
}
