//! The backward pass of a recurrent layer: the loop over the steps, last step first.

use std::array;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::cells::{Gates, StateGradients};
use super::memory::{Aligned, Shared};
use super::pack::{Panels, cache_blocks, serpentine};
use super::products::{WeightGradient, Workspace, input_gradient, weight_gradients};
use super::simd::{Plus, load, multiply_to, store};
use super::team::Member;
use super::{Job, LayerArgs, Position, run_team, vectors};

/// The arguments of the backward pass of a layer.
#[derive(Clone, Copy)]
pub(super) struct BackwardInputs<'a> {
    /// The arguments of the forward pass.
    pub layer: &'a LayerArgs<'a>,
    /// The outputs of the forward pass: the hidden state after every step, `[batch, time, hidden]`.
    pub outputs: &'a [f32],
    /// The gradient of the loss with respect to `outputs`, `[batch, time, hidden]`.
    pub d_outputs: &'a [f32],
    /// The gradient of the loss with respect to the final hidden state and, for an LSTM, cell state:
    /// `[1 or 2, batch, hidden]`.
    pub d_final: &'a [f32],
    /// Whether to compute the gradient of the initial states.
    pub to_initial: bool,
}

/// The gradients of the loss with respect to the tensors of [`LayerArgs`], with the shapes of these tensors.
pub(crate) struct Gradients {
    pub input: Vec<f32>,
    pub weight_ih: Vec<f32>,
    pub weight_hh: Vec<f32>,
    pub bias_ih: Vec<f32>,
    pub bias_hh: Vec<f32>,
    /// The gradient of the initial hidden state and, for an LSTM, cell state, `[1 or 2, batch, hidden]`. The values
    /// have no meaning if [`BackwardInputs::to_initial`] is false.
    pub initial: Vec<f32>,
}

impl Gradients {
    /// Allocates the gradients and calls `steps`, which computes the gradients from `saved`, the values that the
    /// forward pass has saved. `slots` is the number of saved values per step and hidden unit.
    pub(super) fn compute(
        inputs: BackwardInputs,
        mut saved: Aligned,
        slots: usize,
        steps: impl FnOnce(Workspace, SharedGradients),
    ) -> Self {
        let layer = inputs.layer;
        let zeros = |like: &[f32]| vec![0.0; like.len()];
        let [mut weight_ih, mut weight_hh] = [layer.weight_ih, layer.weight_hh].map(zeros);
        let [mut bias_ih, mut bias_hh] = [layer.bias_ih, layer.bias_hh].map(zeros);
        // At first, the buffer is the gradient of the final states. The loop over the steps replaces it by the gradient
        // of the initial states.
        let mut initial = inputs.d_final.to_vec();
        let (hidden, cell) = initial.split_at_mut(layer.initial_hidden.len());
        let workspace =
            Workspace { memory: Shared::new(saved.values_mut()), steps: layer.time, first: 0, slots, layer };
        let compute = |input: Shared| {
            let shared = SharedGradients {
                input,
                weight_ih: Shared::new(&mut weight_ih),
                weight_hh: Shared::new(&mut weight_hh),
                bias_ih: Shared::new(&mut bias_ih),
                bias_hh: Shared::new(&mut bias_hh),
                hidden: Shared::new(hidden),
                cell: Shared::new(cell),
            };
            steps(workspace, shared);
        };
        // SAFETY: `input_gradient` writes the gradient of the input at all steps except the padding.
        let input = unsafe { layer.written(layer.input.len(), compute) };
        Self { input, weight_ih, weight_hh, bias_ih, bias_hh, initial }
    }
}

/// The buffers of [`Gradients`]. All threads that compute a layer write to these buffers.
#[derive(Clone, Copy)]
pub(super) struct SharedGradients<'a> {
    pub input: Shared<'a>,
    pub weight_ih: Shared<'a>,
    pub weight_hh: Shared<'a>,
    pub bias_ih: Shared<'a>,
    pub bias_hh: Shared<'a>,
    /// The gradient of the hidden state, `[batch, hidden]`: of the final hidden state before the backward loop over the
    /// steps, and of the initial hidden state after the loop.
    pub hidden: Shared<'a>,
    /// The gradient of the cell state, `[batch, hidden]`: of the final cell state before the backward loop over the
    /// steps, and of the initial cell state after the loop. Empty for cells without a cell state.
    pub cell: Shared<'a>,
}

impl<'a> SharedGradients<'a> {
    /// Returns the arguments with which [`weight_gradients`] computes the gradients of the input weight matrix and its
    /// bias.
    ///
    /// - `slots`: for each gate, the slot that holds its gradient. A slot is the index of a value among the values that
    ///   the [`Workspace`] holds per step and hidden unit.
    /// - `at`: returns the input, `[input]`, of row `sequence × time + step`.
    pub fn input_weights(
        &self,
        layer: &LayerArgs,
        slots: &'a [usize],
        at: &'a dyn Fn(usize) -> &'a [f32],
    ) -> WeightGradient<'a> {
        let LayerArgs { hidden_size, input_size: size, .. } = *layer;
        WeightGradient {
            slots,
            first_gate: 0,
            hidden_size,
            recurrent: false,
            size,
            at,
            d_weight: self.weight_ih,
            d_bias: self.bias_ih,
        }
    }

    /// Returns the arguments with which [`weight_gradients`] computes the gradients of the recurrent weight matrix and
    /// its bias.
    ///
    /// - `first_gate`: the index of the first gate whose gradients are computed. The gradients of the gates before this
    ///   gate do not change.
    /// - `slots`: for each gate from `first_gate` on, the slot that holds its gradient. A slot is the index of a value
    ///   among the values that the [`Workspace`] holds per step and hidden unit.
    /// - `at`: returns the vector, `[hidden]`, with which the forward pass multiplied the matrix, for row
    ///   `sequence × time + step`. This vector is the hidden state before the step; for the candidate of a GRU with the
    ///   reset gate before the product, it is `r ⊙ h`.
    pub fn recurrent_weights(
        &self,
        layer: &LayerArgs,
        first_gate: usize,
        slots: &'a [usize],
        at: &'a dyn Fn(usize) -> &'a [f32],
    ) -> WeightGradient<'a> {
        let LayerArgs { hidden_size, .. } = *layer;
        WeightGradient {
            slots,
            first_gate,
            hidden_size,
            recurrent: true,
            size: hidden_size,
            at,
            d_weight: self.weight_hh,
            d_bias: self.bias_hh,
        }
    }
}

pub(super) fn backward<C: Gates<G, N>, const G: usize, const N: usize>(
    inputs: BackwardInputs,
    saved: Aligned,
) -> Gradients {
    Gradients::compute(inputs, saved, N, |workspace, grads| {
        let job = Steps::<C, G, N> { inputs, workspace, grads, gates: PhantomData };
        run_team(inputs.layer.max_threads(), inputs.layer.work(), &job);
    })
}

struct Steps<'a, C, const G: usize, const N: usize> {
    inputs: BackwardInputs<'a>,
    /// The values that the forward pass has saved. The backward loop over the steps replaces them by the gradients of
    /// the gates.
    workspace: Workspace<'a>,
    grads: SharedGradients<'a>,
    gates: PhantomData<C>,
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Steps<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { inputs: BackwardInputs { layer, outputs, .. }, workspace, grads, .. } = *self;
        self.steps(simd, member);
        member.wait();

        let rows = layer.rows();
        let read = |row: usize| layer.input_at(row);
        let state = |row: usize| layer.state_before(outputs, row / layer.time, row % layer.time);
        let gradients =
            [grads.input_weights(layer, &C::INPUTS, &read), grads.recurrent_weights(layer, 0, &C::RECURRENT, &state)];
        // SAFETY: after the barrier no thread writes the gradients of the gates; each thread writes only its own rows
        // and units.
        unsafe {
            input_gradient(simd, member, &rows, workspace, C::INPUTS, grads.input);
            weight_gradients(simd, member, &rows, workspace, gradients);
        }
    }
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Steps<'_, C, G, N> {
    /// Computes the gradients of the gates at all steps and of the initial states.
    ///
    /// A thread writes only the values of its own sequences and units. At each step, a thread also reads gate gradients
    /// that other threads have computed: those of its own sequences, for all units. The other threads write them only
    /// before the barrier in the step, so there is no data race.
    #[inline(always)]
    fn steps<S: Simd>(&self, simd: S, member: &Member) {
        let Self { inputs: BackwardInputs { layer, to_initial, .. }, workspace, grads, .. } = *self;
        let LayerArgs { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let span = G * hidden_size;
        let weight = |k: usize| &layer.weight_hh[k * hidden_size..][..hidden_size];
        let weights = Panels::of_columns(simd, span, weight, share.units.clone());
        let mut copy = Aligned::new(if share.needs_barrier { batch * span } else { 0 });
        let mut active = Vec::new();
        for index in (0..time).rev() {
            let step = layer.step(index);
            layer.active(share.sequences.clone(), step, &mut active);
            for &sequence in &active {
                for units in vectors(share.units.clone(), S::F32_LANES) {
                    // SAFETY: only this thread uses its sequences and units.
                    unsafe { self.gates(simd, &Position { sequence, step, units }) };
                }
            }

            // SAFETY: the closure is called after the barrier, when all threads have written the gradients of the gates
            // at this step.
            let gates = |sequence: usize| unsafe {
                workspace.row(sequence * time + step, C::RECURRENT[0]..C::RECURRENT[0] + G)
            };
            if share.needs_barrier {
                member.wait();
                // Copy all values at once, because single reads from the caches of other cores are slow.
                for &sequence in &active {
                    copy.values_mut()[sequence * span..][..span].copy_from_slice(gates(sequence));
                }
            }
            let gates = |sequence: usize| match share.needs_barrier {
                true => &copy.values()[sequence * span..][..span],
                false => gates(sequence),
            };
            if index == 0 && !to_initial {
                break;
            }
            // SAFETY: only this thread uses its sequences and units.
            let hidden = |sequence: usize, units: Range<usize>| unsafe {
                grads.hidden.write(sequence * hidden_size + units.start, units.len())
            };
            for active in cache_blocks(&active, span) {
                for panel in serpentine(index, weights.count()) {
                    multiply_to(simd, active, gates, &weights, panel, Plus::Old, hidden);
                }
            }
        }
    }

    /// Computes, for a few hidden units of one sequence at one step, the gradients of the gates and the gradients of
    /// the states before the step. The gradient of the hidden state does not yet contain the part that flows through
    /// the recurrent product.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`.
    #[inline(always)]
    unsafe fn gates<S: Simd>(&self, simd: S, position: &Position) {
        let Self { inputs: BackwardInputs { layer, outputs, d_outputs, .. }, workspace, grads, .. } = *self;
        let LayerArgs { time, hidden_size, .. } = *layer;
        let Position { sequence, step, ref units } = *position;
        let own = sequence * hidden_size + units.start;
        let output = &d_outputs[(sequence * time + step) * hidden_size..][units.clone()];
        // SAFETY: promised by the caller.
        unsafe {
            let values = workspace.load(simd, position, array::from_fn(|slot| slot));
            let before = match (C::CELL, layer.step_before(sequence, step)) {
                (None, _) => load(simd, &layer.state_before(outputs, sequence, step)[units.clone()]),
                (Some(slot), Some(step)) => workspace.load(simd, &Position { step, ..position.clone() }, [slot])[0],
                (Some(_), None) => load(simd, &layer.initial_cell[own..][..units.len()]),
            };
            let hidden = grads.hidden.write(own, units.len());
            let mut after = StateGradients {
                hidden: simd.add_f32s(load(simd, hidden), load(simd, output)),
                cell: simd.splat_f32s(0.0),
            };
            if C::CELL.is_some() {
                after.cell = load(simd, grads.cell.read(own, units.len()));
            }
            let (gradients, before) = C::backward(simd, values, before, after);
            workspace.store(simd, position, 0..C::GRADIENTS, &gradients);
            store(simd, hidden, before.hidden);
            if C::CELL.is_some() {
                store(simd, grads.cell.write(own, units.len()), before.cell);
            }
        }
    }
}
