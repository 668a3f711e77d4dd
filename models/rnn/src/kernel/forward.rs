//! The steps in reading order.

use std::array;
use std::marker::PhantomData;

use pulp::Simd;

use super::cells::Gates;
use super::memory::{Aligned, Shared};
use super::pack::{Panels, at_once, to_and_fro};
use super::products::{InputProducts, Kept, block};
use super::simd::{load, multiply, store, tiles};
use super::team::Member;
use super::{Job, Layer, Place, work};

/// What a layer computes.
pub(crate) struct Forward {
    /// The hidden state after every step, `[B, T, H]`, zero in the padding; then the states after the last step of each
    /// sequence in reading order: hidden, `[B, H]`, and cell, `[B, H]`, of cells that have one.
    pub outputs: Vec<f32>,
    /// What the backward pass needs.
    pub kept: Option<Aligned>,
}

pub(super) fn forward<C: Gates<G, N>, const G: usize, const N: usize>(layer: &Layer, keep: bool) -> Forward {
    let mut states = Aligned::new(2 * layer.initial_hidden.len());
    for half in states.values_mut().chunks_exact_mut(layer.initial_hidden.len()) {
        half.copy_from_slice(layer.initial_hidden);
    }
    read(layer, keep, N, |kept, outputs, cells| {
        let states = Shared::new(states.values_mut());
        work(layer.members(), &Steps::<C, G, N> { layer, keep, kept, states, cells, outputs, gates: PhantomData });
    })
}

/// The outputs and final states, from a function that writes the outputs, `[B, T, H]`, and takes the cell states, `[B, H]`,
/// from the initial to the final ones.
pub(super) fn read(layer: &Layer, keep: bool, slots: usize, run: impl FnOnce(Kept, Shared, Shared)) -> Forward {
    let size = layer.hidden_size;
    let steps = if keep { layer.time } else { block(layer) };
    let mut kept = Aligned::new(layer.batch * steps * slots * size);
    let mut all = vec![0.0; layer.outputs_len() + layer.initial_hidden.len() + layer.initial_cell.len()];
    let (outputs, last) = all.split_at_mut(layer.outputs_len());
    let (hidden, cell) = last.split_at_mut(layer.initial_hidden.len());
    cell.copy_from_slice(layer.initial_cell);
    let memory = Shared::new(kept.values_mut());
    run(Kept { memory, steps, first: 0, slots, layer }, Shared::new(outputs), Shared::new(cell));
    hidden.copy_from_slice(layer.initial_hidden);
    for (sequence, hidden) in hidden.chunks_exact_mut(size).enumerate() {
        if let Some(row) = layer.last(sequence) {
            hidden.copy_from_slice(&outputs[row * size..][..size]);
        }
    }
    Forward { outputs: all, kept: keep.then_some(kept) }
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
        let Self { layer, states, .. } = *self;
        let Layer { batch, time, hidden_size, .. } = *layer;
        let share = layer.share(member);
        let added = array::from_fn(|gate| C::RECURRENT_BIAS != Some(gate));
        let mut inputs = InputProducts::<S, G>::new(simd, self.kept, &share, C::INPUTS, added);
        let weights = Panels::of_gates(layer.weight_hh, hidden_size, share.units.clone(), G, S::F32_LANES);
        let mut copy = Aligned::new(if share.together { batch * hidden_size } else { 0 });
        let mut running = Vec::new();
        for index in 0..time {
            // SAFETY: this member's own.
            let kept = unsafe { inputs.at(index) };
            let step = layer.step(index);
            layer.running(share.sequences.clone(), step, &mut running);
            let [before, after] = [index % 2, (index + 1) % 2].map(|half| half * batch * hidden_size);
            if share.together {
                member.wait();
                // All at once, as they come from other cores.
                // SAFETY: all have written the states before this step, and now write those after it.
                copy.values_mut().copy_from_slice(unsafe { states.read(before, batch * hidden_size) });
            }
            let state = |sequence: usize| match share.together {
                true => &copy.values()[sequence * hidden_size..][..hidden_size],
                // SAFETY: this member's own.
                false => unsafe { states.read(before + sequence * hidden_size, hidden_size) },
            };
            for running in at_once(&running, hidden_size) {
                for panel in to_and_fro(index, weights.count()) {
                    let ahead = weights.ahead(index, panel);
                    let (panel, values) = weights.panel(panel);
                    let bias = self.recurrent_bias(simd, panel.covers.start, panel.covers.len());
                    for (tile, ahead) in tiles::<S, G>(running, ahead) {
                        let recurrent = multiply::<S, G>(simd, tile, state, (values, ahead), bias);
                        for row in 0..tile.len() {
                            let place = Place { sequence: tile[row], step, units: panel.covers.clone() };
                            // SAFETY: this member's own.
                            let hidden = unsafe { self.gates(simd, kept, &place, recurrent[row], state(tile[row])) };
                            let own = after + tile[row] * hidden_size + place.units.start;
                            // SAFETY: as above.
                            store(simd, unsafe { states.write(own, place.units.len()) }, hidden);
                        }
                    }
                }
            }
        }
    }
}

impl<C: Gates<G, N>, const G: usize, const N: usize> Steps<'_, C, G, N> {
    /// The hidden states of some units after a step, from the recurrent products and all units' states before it.
    ///
    /// # Safety
    ///
    /// Nobody else uses the values of these units and this sequence.
    #[inline(always)]
    unsafe fn gates<S: Simd>(
        &self,
        simd: S,
        kept: Kept,
        place: &Place,
        recurrent: [S::f32s; G],
        state: &[f32],
    ) -> S::f32s {
        let Self { layer: Layer { time, hidden_size, .. }, cells, outputs, .. } = *self;
        let Place { sequence, step, ref units } = *place;
        let own = sequence * hidden_size + units.start;
        let output = (sequence * time + step) * hidden_size + units.start;
        // SAFETY: the caller's promise.
        unsafe {
            let mut input = [simd.splat_f32s(0.0); G];
            for gate in 0..G {
                input[gate] = kept.load(simd, place, C::INPUTS[gate]);
            }
            let before = match C::CELL {
                Some(_) => load(simd, cells.read(own, units.len())),
                None => load(simd, &state[units.clone()]),
            };
            let (values, hidden) = C::forward(simd, input, recurrent, before);
            if self.keep {
                for slot in 0..N {
                    kept.store(simd, place, slot, values[slot]);
                }
            }
            if let Some(slot) = C::CELL {
                store(simd, cells.write(own, units.len()), values[slot]);
            }
            store(simd, outputs.write(output, units.len()), hidden);
            hidden
        }
    }

    /// What the recurrent products begin with.
    #[inline(always)]
    fn recurrent_bias<S: Simd>(&self, simd: S, first: usize, count: usize) -> [S::f32s; G] {
        let mut bias = [simd.splat_f32s(0.0); G];
        if let Some(gate) = C::RECURRENT_BIAS {
            bias[gate] = load(simd, &self.layer.bias_hh[gate * self.layer.hidden_size + first..][..count]);
        }
        bias
    }
}
