//! The large products: of the inputs with their weights, a block of steps ahead of the steps; and, after the steps in
//! reverse, those that make the gradients of the input and of the weights from the gradients of the gates.

use std::array;
use std::ops::Range;

use pulp::Simd;

use super::memory::{Aligned, Shared};
use super::pack::{Panels, at_once, to_and_fro};
use super::simd::{TILE, load, multiply, multiply_to, outer, store, tiles};
use super::team::Member;
use super::{Layer, Place, Share, own_units};

/// Values of every unit and step in some slots, `[B, steps, slots, H]`: of all steps, or of one block in turn.
///
/// The input products at first, which the forward pass turns to what the backward pass needs, and that to the gradients of
/// the gates.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub memory: Shared<'a>,
    /// How many steps have room of their own.
    pub steps: usize,
    /// The first of them: later blocks of steps use the room again.
    pub first: usize,
    pub slots: usize,
    pub layer: &'a Layer<'a>,
}

impl<'a> Kept<'a> {
    #[inline(always)]
    fn at(&self, place: &Place, slot: usize) -> usize {
        let row = place.sequence * self.steps + place.step - self.first;
        (row * self.slots + slot) * self.layer.hidden_size + place.units.start
    }

    /// A slot of some units.
    ///
    /// # Safety
    ///
    /// Nobody else writes it.
    #[inline(always)]
    pub unsafe fn load<S: Simd>(&self, simd: S, place: &Place, slot: usize) -> S::f32s {
        // SAFETY: the caller's promise.
        load(simd, unsafe { self.memory.read(self.at(place, slot), place.units.len()) })
    }

    /// Writes a slot of some units.
    ///
    /// # Safety
    ///
    /// Nobody else uses it.
    #[inline(always)]
    pub unsafe fn store<S: Simd>(&self, simd: S, place: &Place, slot: usize, values: S::f32s) {
        // SAFETY: the caller's promise.
        store(simd, unsafe { self.memory.write(self.at(place, slot), place.units.len()) }, values);
    }

    /// Some slots of all units at a row of `[B × T]`, where all steps are kept.
    ///
    /// # Safety
    ///
    /// Nobody writes them.
    #[inline(always)]
    pub unsafe fn row(&self, row: usize, slots: Range<usize>) -> &'a [f32] {
        let size = self.layer.hidden_size;
        // SAFETY: the caller's promise.
        unsafe { self.memory.read((row * self.slots + slots.start) * size, slots.len() * size) }
    }
}

/// How many rows of the input are multiplied at once: enough for full speed, few enough to be in the cache when the steps
/// come to them.
const BLOCK_ROWS: usize = 256;

/// How many steps have their input products made at once.
pub(super) fn block(layer: &Layer) -> usize {
    (BLOCK_ROWS / layer.batch).clamp(1, layer.time)
}

/// What a member multiplies its inputs with.
pub(super) struct InputProducts<'a, S: Simd, const G: usize> {
    simd: S,
    kept: Kept<'a>,
    sequences: Range<usize>,
    weights: Panels,
    /// The slot of each gate's product.
    slots: [usize; G],
    /// Which gates' recurrent bias is added here.
    bias_hh: [bool; G],
    /// Of a block: sequence and step.
    places: Vec<[usize; 2]>,
    /// `0..places`
    numbers: Vec<usize>,
}

impl<'a, S: Simd, const G: usize> InputProducts<'a, S, G> {
    #[inline(always)]
    pub fn new(simd: S, kept: Kept<'a>, share: &Share, slots: [usize; G], bias_hh: [bool; G]) -> Self {
        let Layer { weight_ih, hidden_size, .. } = *kept.layer;
        let weights = Panels::of_gates(weight_ih, hidden_size, share.units.clone(), G, S::F32_LANES);
        let sequences = share.sequences.clone();
        Self { simd, kept, sequences, weights, slots, bias_hh, places: Vec::new(), numbers: Vec::new() }
    }

    /// Where the products of the step read at `index` are, with the biases. If a block begins there, it writes them.
    ///
    /// # Safety
    ///
    /// Nobody else uses these sequences' and units' values in `kept`.
    #[inline(always)]
    pub unsafe fn at(&mut self, index: usize) -> Kept<'a> {
        if index.is_multiple_of(block(self.kept.layer)) {
            // SAFETY: the caller's promise.
            unsafe { self.write(index) };
        }
        self.kept
    }

    /// Writes those of a block.
    ///
    /// # Safety
    ///
    /// As above.
    #[inline(always)]
    unsafe fn write(&mut self, index: usize) {
        let layer = self.kept.layer;
        let end = layer.time.min(index + block(layer));
        if self.kept.steps < layer.time {
            self.kept.first = layer.step(index).min(layer.step(end - 1));
        }
        self.places.clear();
        for sequence in self.sequences.clone() {
            let steps = (index..end).map(|index| layer.step(index));
            let steps = steps.filter(|&step| step < layer.length(sequence));
            self.places.extend(steps.map(|step| [sequence, step]));
        }
        self.numbers.clear();
        self.numbers.extend(0..self.places.len());
        let places = &self.places;
        let input = |number: usize| layer.input_at(places[number][0] * layer.time + places[number][1]);
        for numbers in at_once(&self.numbers, layer.input_size) {
            for panel in 0..self.weights.count() {
                let (panel, values) = self.weights.panel(panel);
                let units = &panel.covers;
                let bias = array::from_fn(|gate| self.bias(gate, units));
                for (tile, _) in tiles::<S, G>(numbers, None) {
                    let products = multiply::<S, G>(self.simd, tile, input, (values, None), bias);
                    for row in 0..tile.len() {
                        let [sequence, step] = places[tile[row]];
                        let place = Place { sequence, step, units: units.clone() };
                        for gate in 0..G {
                            // SAFETY: the caller's promise.
                            unsafe { self.kept.store(self.simd, &place, self.slots[gate], products[row][gate]) };
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn bias(&self, gate: usize, units: &Range<usize>) -> S::f32s {
        let Layer { bias_ih, bias_hh, hidden_size, .. } = *self.kept.layer;
        let of_units = |bias: &[f32]| load(self.simd, &bias[gate * hidden_size..][units.clone()]);
        match self.bias_hh[gate] {
            true => self.simd.add_f32s(of_units(bias_ih), of_units(bias_hh)),
            false => of_units(bias_ih),
        }
    }
}

/// The gradient of the input: each member writes some of the `rows` of `[B × T]`. `slots` are those of the gates'
/// gradients, side by side.
///
/// # Safety
///
/// Nobody writes `gradients`, and nobody else uses `d_input`.
#[inline(always)]
pub(super) unsafe fn input<S: Simd, const G: usize>(
    simd: S,
    member: &Member,
    rows: &[usize],
    gradients: Kept,
    slots: [usize; G],
    d_input: Shared,
) {
    let Layer { input_size, hidden_size, weight_ih, .. } = *gradients.layer;
    let mut gates: [usize; G] = array::from_fn(|gate| gate);
    gates.sort_unstable_by_key(|&gate| slots[gate]);
    let first = slots[gates[0]];
    let weight = |k: usize| {
        let row = gates[k / hidden_size] * hidden_size + k % hidden_size;
        &weight_ih[row * input_size..][..input_size]
    };
    let weights = Panels::of_columns(simd, G * hidden_size, weight, 0..input_size);
    let rows = &rows[member.part(rows.len())];
    // SAFETY: the caller's promise.
    let gradient = |row: usize| unsafe { gradients.row(row, first..first + G) };
    // SAFETY: a row of this member's own.
    let to =
        |row: usize, columns: Range<usize>| unsafe { d_input.write(row * input_size + columns.start, columns.len()) };
    for rows in at_once(rows, G * hidden_size) {
        for panel in 0..weights.count() {
            multiply_to(simd, rows, gradient, &weights, panel, false, to);
        }
    }
}

/// What gates' weights were multiplied with, and where the gradients go.
pub(super) struct Factor<'a> {
    /// The slots of the gates' gradients, from gate `first_gate` on.
    pub slots: &'a [usize],
    pub first_gate: usize,
    pub hidden_size: usize,
    /// The factor's.
    pub size: usize,
    /// The factor at a row of `[B × T]`.
    pub at: &'a dyn Fn(usize) -> &'a [f32],
    /// `[gates × H, size of the factor]`
    pub d_weight: Shared<'a>,
    /// `[gates × H]`
    pub d_bias: Shared<'a>,
}

/// How many rows are multiplied before the products are added to a weight's gradient.
const DEPTH: usize = 256;

/// The gradients of weights and biases from all `rows` of `[B × T]`: each member writes those of some units.
///
/// # Safety
///
/// Nobody writes `gradients`, and nobody else uses what the factors write.
#[inline(always)]
pub(super) unsafe fn weights<S: Simd, const K: usize>(
    simd: S,
    member: &Member,
    rows: &[usize],
    gradients: Kept,
    factors: [Factor; K],
) {
    let units = own_units(member, gradients.layer.hidden_size);
    let mut left = Aligned::new(DEPTH * TILE);
    for (block, rows) in rows.chunks(DEPTH).enumerate() {
        let mut right = Vec::with_capacity(K);
        for factor in &factors {
            right.push(Panels::of_columns(simd, rows.len(), |k| (factor.at)(rows[k]), 0..factor.size));
        }
        for slot in 0..gradients.slots {
            if factors.iter().all(|factor| factor.gate(slot).is_none()) {
                continue;
            }
            for units in super::vectors(units.clone(), TILE) {
                // SAFETY: the caller's promise; units of this member's own.
                unsafe {
                    let tile = Tile::gather(gradients, rows, slot, units, left.values_mut());
                    for (factor, right) in factors.iter().zip(&right) {
                        if let Some(gate) = factor.gate(slot) {
                            factor.add(simd, gate, &tile, right, block > 0);
                        }
                    }
                }
            }
        }
    }
}

/// The gradients of some units of one gate at some rows.
struct Tile<'a> {
    units: Range<usize>,
    /// `[rows, TILE]`
    gradients: &'a [f32],
    /// Over the rows.
    sums: [f32; TILE],
}

impl<'a> Tile<'a> {
    /// Copies them into `memory`.
    ///
    /// # Safety
    ///
    /// Nobody writes `kept`.
    #[inline(always)]
    unsafe fn gather(kept: Kept, rows: &[usize], slot: usize, units: Range<usize>, memory: &'a mut [f32]) -> Self {
        let gradients = &mut memory[..rows.len() * TILE];
        for (&row, to) in rows.iter().zip(gradients.as_chunks_mut::<TILE>().0) {
            // SAFETY: the caller's promise.
            let from = unsafe { &kept.row(row, slot..slot + 1)[units.clone()] };
            match from.try_into() {
                Ok(whole) => *to = whole,
                Err(_) => to[..units.len()].copy_from_slice(from),
            }
        }
        // Several sums, as each addition waits for the one before.
        const SUMS: usize = 4;
        let mut several = [0.0; SUMS * TILE];
        let (groups, rest) = gradients.as_chunks::<{ SUMS * TILE }>();
        for group in groups {
            add(&mut several, group);
        }
        let mut sums = [0.0; TILE];
        for row in several.as_chunks::<TILE>().0.iter().chain(rest.as_chunks::<TILE>().0) {
            add(&mut sums, row);
        }
        Self { units, gradients, sums }
    }
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f32; N], values: &[f32; N]) {
    for index in 0..N {
        sums[index] += values[index];
    }
}

impl Factor<'_> {
    /// The gate whose gradients are in a slot.
    fn gate(&self, slot: usize) -> Option<usize> {
        self.slots.iter().position(|&own| own == slot).map(|gate| self.first_gate + gate)
    }

    /// Writes the weights' and biases' gradients from one block of rows, or adds them.
    ///
    /// # Safety
    ///
    /// Nobody else uses those of the tile's units.
    #[inline(always)]
    unsafe fn add<S: Simd>(&self, simd: S, gate: usize, tile: &Tile, right: &Panels, add: bool) {
        let Tile { units, gradients, sums } = tile;
        let first = gate * self.hidden_size + units.start;
        // SAFETY: the caller's promise, here and below.
        for (to, sum) in unsafe { self.d_bias.write(first, units.len()) }.iter_mut().zip(sums) {
            *to += sum;
        }
        for panel in to_and_fro(units.start / TILE, right.count()) {
            let to = |unit: usize, columns: Range<usize>| unsafe {
                self.d_weight.write((first + unit) * self.size + columns.start, columns.len())
            };
            outer(simd, gradients, right, panel, units.len(), add, to);
        }
    }
}
