//! The forward pass of a recurrent layer: the loop over the steps.

use std::array;
use std::marker::PhantomData;

use pulp::Simd;

use super::cells::Gates;
use super::memory::{Aligned, Shared};
use super::pack::{Panels, Part, cache_blocks, serpentine};
use super::products::{InputProducts, Workspace, block_steps};
use super::simd::{load, multiply, store, sums_buffer, tiles};
use super::team::Member;
use super::{Job, LayerArgs, Position, run_team};

/// The results of the forward pass of a layer.
pub(crate) struct Forward {
    /// The hidden state after every step, `[batch, time, hidden]`, zero in the padding; then the final hidden state,
    /// `[batch, hidden]`; then, for an LSTM, the final cell state, `[batch, hidden]`.
    pub outputs: Vec<f32>,
    /// The values that the forward pass saves for the backward pass; `None` if no backward pass follows.
    pub saved: Option<Aligned>,
}

pub(super) fn forward<C: Gates<G, N>, const G: usize, const N: usize>(layer: &LayerArgs, keep: bool) -> Forward {
    let mut states = Aligned::new(2 * layer.initial_hidden.len());
    for half in states.values_mut().chunks_exact_mut(layer.initial_hidden.len()) {
        half.copy_from_slice(layer.initial_hidden);
    }
    run_forward(layer, keep, N, |workspace, outputs, cells| {
        let states = Shared::new(states.values_mut());
        let job = Steps::<C, G, N> { layer, keep, workspace, states, cells, outputs, gates: PhantomData };
        run_team(layer.max_threads(), layer.work(), &job);
    })
}

/// Allocates the buffers of the forward pass, calls `run`, and collects the results. The arguments of `run` are the
/// workspace, the buffer of the outputs, `[batch, time, hidden]`, and the buffer of the cell states, `[batch, hidden]`.
/// `run` writes the outputs, and replaces the initial cell states by the final cell states. `slots` is the number of
/// values that the workspace holds per step and hidden unit.
pub(super) fn run_forward(
    layer: &LayerArgs,
    keep: bool,
    slots: usize,
    run: impl FnOnce(Workspace, Shared, Shared),
) -> Forward {
    let size = layer.hidden_size;
    let steps = if keep { layer.time } else { block_steps(layer) };
    let mut saved = Aligned::new(layer.batch * steps * slots * size);
    let workspace = Workspace { memory: Shared::new(saved.values_mut()), steps, first: 0, slots, layer };
    let [of_outputs, of_hidden] = [layer.outputs_len(), layer.initial_hidden.len()];
    let compute = |all: Shared| {
        let cells = all.part(of_outputs + of_hidden, layer.initial_cell.len());
        // SAFETY: no other thread runs before and after `run`.
        unsafe { cells.write(0, cells.length()) }.copy_from_slice(layer.initial_cell);
        run(workspace, all.part(0, of_outputs), cells);
        let (outputs, hidden) = unsafe { (all.read(0, of_outputs), all.write(of_outputs, of_hidden)) };
        for (sequence, hidden) in hidden.chunks_exact_mut(size).enumerate() {
            hidden.copy_from_slice(match layer.last(sequence) {
                Some(row) => &outputs[row * size..][..size],
                None => &layer.initial_hidden[sequence * size..][..size],
            });
        }
    };
    // SAFETY: `run` writes all outputs except the padding, and `compute` writes the states.
    let all = unsafe { layer.written(of_outputs + of_hidden + layer.initial_cell.len(), compute) };
    Forward { outputs: all, saved: keep.then_some(saved) }
}

struct Steps<'a, C, const G: usize, const N: usize> {
    layer: &'a LayerArgs<'a>,
    /// Whether to save the values that the backward pass needs.
    keep: bool,
    /// The input products and, if `keep` is true, the saved values.
    workspace: Workspace<'a>,
    /// The hidden states before and after a step, `[2, batch, hidden]`. The two halves of the buffer swap their roles
    /// at every step.
    states: Shared<'a>,
    /// The cell state of each sequence, `[batch, hidden]`.
    cells: Shared<'a>,
    /// The hidden state after every step, `[batch, time, hidden]`.
    outputs: Shared<'a>,
    gates: PhantomData<C>,
}

/// Computes one thread's part of the forward pass.
///
/// A thread writes the states of its own sequences and units only. At each step, the thread reads the states of its
/// sequences before the step, for all units. Other threads write these states before the barrier at the start of the
/// step, and not again until after the next barrier.
impl<C: Gates<G, N>, const G: usize, const N: usize> Job for Steps<'_, C, G, N> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { layer, states, .. } = *self;
        let LayerArgs { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let bias_hh = array::from_fn(|gate| C::RECURRENT_BIAS != Some(gate));
        let (mut own_ih, mut own_hh) = (None, None);
        let mut inputs = InputProducts::<S, G>::new(simd, self.workspace, &share, C::INPUTS, bias_hh, &mut own_ih);
        let packed = layer.packed.map(|packed| &packed.recurrent);
        let pack = || Panels::of_gates(layer.weight_hh, hidden_size, share.units.clone(), G, S::F32_LANES);
        let weights = Part::of_units(packed, &share.units, &mut own_hh, pack);
        let mut copy = Aligned::new(if share.needs_barrier { batch * hidden_size } else { 0 });
        let mut recurrent = sums_buffer::<S, G>(simd);
        let mut active = Vec::new();
        let from_zero = layer.starts_from_zero();
        for index in 0..time {
            // SAFETY: only this thread uses its sequences and units.
            let workspace = unsafe { inputs.at(index) };
            let step = layer.step(index);
            layer.active(share.sequences.clone(), step, &mut active);
            let [before, after] = [index % 2, (index + 1) % 2].map(|half| half * batch * hidden_size);
            if share.needs_barrier {
                member.wait();
                // Copy all values at once, because single reads from the caches of other cores are slow.
                // SAFETY: all threads have written the states before this step; now they write the other half of
                // `states` only.
                copy.values_mut().copy_from_slice(unsafe { states.read(before, batch * hidden_size) });
            }
            let state = |sequence: usize| match share.needs_barrier {
                true => &copy.values()[sequence * hidden_size..][..hidden_size],
                // SAFETY: only this thread uses its sequences and units.
                false => unsafe { states.read(before + sequence * hidden_size, hidden_size) },
            };
            for active in cache_blocks(&active, hidden_size) {
                for panel in serpentine(index, weights.count()) {
                    let ahead = weights.next_panel(index, panel);
                    let (panel, values) = weights.panel(panel);
                    let values = if index == 0 && from_zero { &[] } else { values };
                    let bias = self.recurrent_bias(simd, panel.covers.start, panel.covers.len());
                    for (tile, ahead) in tiles::<S, G>(active, ahead) {
                        multiply::<S, G>(simd, tile, state, (values, ahead), &bias, &mut recurrent);
                        for row in 0..tile.len() {
                            let position = Position { sequence: tile[row], step, units: panel.covers.clone() };
                            // SAFETY: only this thread uses its sequences and units.
                            let hidden =
                                unsafe { self.gates(simd, workspace, &position, recurrent[row], state(tile[row])) };
                            let own = after + tile[row] * hidden_size + position.units.start;
                            // SAFETY: only this thread uses its sequences and units.
                            store(simd, unsafe { states.write(own, position.units.len()) }, hidden);
                        }
                    }
                }
            }
        }
    }
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Steps<'_, C, G, N> {
    /// Computes the hidden states after a step for the hidden units in `position`. `recurrent` has the recurrent
    /// products of these units, one vector per gate. `state` is the hidden state of all units before the step,
    /// `[hidden]`.
    ///
    /// # Safety
    ///
    /// No other thread uses the values of the sequence and the hidden units in `position`.
    #[inline(always)]
    unsafe fn gates<S: Simd>(
        &self,
        simd: S,
        workspace: Workspace,
        position: &Position,
        recurrent: [S::f32s; G],
        state: &[f32],
    ) -> S::f32s {
        let Self { layer: LayerArgs { time, hidden_size, .. }, cells, outputs, .. } = *self;
        let Position { sequence, step, ref units } = *position;
        let own = sequence * hidden_size + units.start;
        let output = (sequence * time + step) * hidden_size + units.start;
        // SAFETY: promised by the caller.
        unsafe {
            let input = workspace.load(simd, position, C::INPUTS);
            let before = match C::CELL {
                Some(_) => load(simd, cells.read(own, units.len())),
                None => load(simd, &state[units.clone()]),
            };
            let (values, hidden) = C::forward(simd, input, recurrent, before);
            if self.keep {
                workspace.store(simd, position, 0..N, &values);
            }
            if let Some(slot) = C::CELL {
                store(simd, cells.write(own, units.len()), values[slot]);
            }
            store(simd, outputs.write(output, units.len()), hidden);
            hidden
        }
    }

    /// Returns the start values of the sums of the recurrent products, one vector of units per gate: the recurrent bias
    /// for the gate [`Gates::RECURRENT_BIAS`], and zero for all other gates.
    #[inline(always)]
    fn recurrent_bias<S: Simd>(&self, simd: S, first: usize, count: usize) -> [S::f32s; G] {
        let mut bias = [simd.splat_f32s(0.0); G];
        if let Some(gate) = C::RECURRENT_BIAS {
            bias[gate] = load(simd, &self.layer.bias_hh[gate * self.layer.hidden_size + first..][..count]);
        }
        bias
    }
}
