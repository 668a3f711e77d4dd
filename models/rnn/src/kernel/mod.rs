//! One layer in one direction over whole sequences, forward and backward, as single operations on the CPU; and what a
//! language model has at its end.
//!
//! The forward pass makes the products with the input for a block of steps at once, then takes the steps one by one: the
//! product with the hidden state and, while its sums are at hand, the functions of the gates. The backward pass takes the
//! steps in reverse, which leaves the gradients of all gates, and then makes the gradients of the input and of the
//! weights from them as large products. The weights are laid out once a call, in the order in which they are read.
//!
//! | file | holds |
//! |---|---|
//! | `forward.rs`, `backward.rs` | the steps in reading order, and in reverse |
//! | `cells.rs`, `reset_before.rs` | the functions of the gates and their derivatives; the one cell of two products a step |
//! | `products.rs` | the large products: of all inputs before the steps, and of all gradients after them |
//! | `softmax.rs` | a dense layer, a softmax over its many classes and their cross-entropy |
//! | `simd.rs`, `pack.rs` | products of few rows with panels of a matrix; the panels |
//! | `team.rs`, `memory.rs` | threads that take their share of a layer; what they share |
//!
//! What is unsafe is `memory.rs` (what members share, each of which promises to write its own part; lines of floats taken for
//! bytes), the reads of `simd::product`, whose bounds are checked before its loop, a hint to the cache, and the call of
//! `gemm`, which takes pointers. The test
//! `a_team_and_one_thread_agree_to_the_bit` is run under Miri by hand, and this crate's tests with every access checked in
//! `.ci/run`.
//!
//! Every sum adds its terms in one order, whatever the number of threads and whatever share a thread takes: results do
//! not depend on it, bit for bit.

// A plain loop over an array of vectors becomes registers; iterators and closures over it may stay calls, without the
// vector instructions.
#![allow(clippy::needless_range_loop)]

mod backward;
mod cells;
mod forward;
mod memory;
mod pack;
mod products;
mod reset_before;
mod simd;
pub(crate) mod softmax;
mod team;

use std::ops::Range;
use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

use crate::Cell;
use crate::scan::Order;

pub(crate) use self::backward::Gradients;
pub(crate) use self::forward::Forward;
pub(crate) use self::memory::Aligned;
use self::team::Member;

/// A layer and what it reads: `B` sequences of `T` steps, one sequence after the other.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub cell: Cell,
    pub order: Order,
    pub batch: usize,
    pub time: usize,
    pub input_size: usize,
    pub hidden_size: usize,
    /// `[B]`, none above `T`; without them all are `T`.
    pub lengths: Option<&'a [usize]>,
    /// `[B, T, input]`
    pub input: &'a [f32],
    /// `[gates × H, input]`
    pub weight_ih: &'a [f32],
    /// `[gates × H, H]`
    pub weight_hh: &'a [f32],
    /// `[gates × H]`
    pub bias_ih: &'a [f32],
    /// `[gates × H]`
    pub bias_hh: &'a [f32],
    /// The initial hidden state, `[B, H]`.
    pub initial_hidden: &'a [f32],
    /// The initial cell state, `[B, H]`; empty for cells without one.
    pub initial_cell: &'a [f32],
}

/// Reads all steps. `keep` is for [`backward`] to follow.
pub(crate) fn forward(layer: &Layer, keep: bool) -> Forward {
    match layer.cell {
        Cell::Elman => forward::forward::<cells::Elman<false>, 1, 1>(layer, keep),
        Cell::ElmanRelu => forward::forward::<cells::Elman<true>, 1, 1>(layer, keep),
        Cell::Lstm => forward::forward::<cells::Lstm, 4, 5>(layer, keep),
        Cell::Gru => forward::forward::<cells::Gru, 3, 4>(layer, keep),
        Cell::GruResetBefore => reset_before::forward(layer, keep),
    }
}

/// Takes gradients back through all steps. `kept` and `outputs` are those of [`forward`], and `d_outputs` has the shape of
/// `outputs`.
pub(crate) fn backward(layer: &Layer, kept: Aligned, outputs: &[f32], d_outputs: &[f32]) -> Gradients {
    let (outputs, _) = outputs.split_at(layer.outputs_len());
    let (d_outputs, d_final) = d_outputs.split_at(layer.outputs_len());
    let given = backward::Given { layer, outputs, d_outputs, d_final };
    match layer.cell {
        Cell::Elman => backward::backward::<cells::Elman<false>, 1, 1>(given, kept),
        Cell::ElmanRelu => backward::backward::<cells::Elman<true>, 1, 1>(given, kept),
        Cell::Lstm => backward::backward::<cells::Lstm, 4, 5>(given, kept),
        Cell::Gru => backward::backward::<cells::Gru, 3, 4>(given, kept),
        Cell::GruResetBefore => reset_before::backward(given, kept),
    }
}

impl Layer<'_> {
    fn outputs_len(&self) -> usize {
        self.batch * self.time * self.hidden_size
    }

    fn length(&self, sequence: usize) -> usize {
        self.lengths.map_or(self.time, |lengths| lengths[sequence])
    }

    /// The step that is read at `index`.
    fn step(&self, index: usize) -> usize {
        match self.order {
            Order::Forward => index,
            Order::Backward => self.time - 1 - index,
        }
    }

    /// The step that is read before another; none before the first.
    fn step_before(&self, sequence: usize, step: usize) -> Option<usize> {
        match self.order {
            Order::Forward => step.checked_sub(1),
            Order::Backward => Some(step + 1).filter(|&step| step < self.length(sequence)),
        }
    }

    /// The row of `[B × T]` that is read last; none of an empty sequence.
    fn last(&self, sequence: usize) -> Option<usize> {
        let last = self.length(sequence).checked_sub(1)?;
        let step = match self.order {
            Order::Forward => last,
            Order::Backward => 0,
        };
        Some(sequence * self.time + step)
    }

    /// The rows of `[B × T]` that are no padding.
    fn rows(&self) -> Vec<usize> {
        let steps = |sequence| (0..self.length(sequence)).map(move |step| sequence * self.time + step);
        (0..self.batch).flat_map(steps).collect()
    }

    /// Those of `sequences` that have a step number `step`.
    fn running(&self, sequences: Range<usize>, step: usize, into: &mut Vec<usize>) {
        into.clear();
        into.extend(sequences.filter(|&sequence| step < self.length(sequence)));
    }

    /// The input, `[input]`, at a row of `[B × T]`.
    fn input_at(&self, row: usize) -> &[f32] {
        &self.input[row * self.input_size..][..self.input_size]
    }

    /// The hidden state, `[H]`, before a step.
    fn state_before<'a>(&'a self, outputs: &'a [f32], sequence: usize, step: usize) -> &'a [f32] {
        let (states, row) = match self.step_before(sequence, step) {
            Some(step) => (outputs, sequence * self.time + step),
            None => (self.initial_hidden, sequence),
        };
        &states[row * self.hidden_size..][..self.hidden_size]
    }
}

/// Some units of one sequence at one step: as many as a vector holds, or the last ones.
#[derive(Clone)]
struct Place {
    sequence: usize,
    step: usize,
    units: Range<usize>,
}

/// What one member of a team computes of every step.
struct Share {
    sequences: Range<usize>,
    units: Range<usize>,
    /// Whether other members have other units of the same sequences, which it must wait for.
    together: bool,
}

impl Share {
    /// Waits for the others where they have other units of the same sequences.
    fn meet(&self, member: &Member) {
        if self.together {
            member.wait();
        }
    }
}

/// The fewest sequences of a member: fewer rows make slow products.
const FEWEST_SEQUENCES: usize = 16;

/// The largest recurrent matrix, in values, that each member may read whole at every step: what stays in a core's cache.
const LARGEST_MATRIX: usize = 1 << 18;

/// The sequences among which a larger matrix may be read whole too: so many products are made of each of its values.
const MANY_SEQUENCES: usize = 128;

/// The multiplications below which threads cost more than they save.
const LEAST_WORK: usize = if cfg!(test) { 1 } else { 1 << 18 };

impl Layer<'_> {
    /// Whether members take sequences, and need not wait for each other; else they take units.
    fn by_sequence(&self) -> bool {
        let shared = self.weight_hh.len() <= LARGEST_MATRIX || self.batch >= MANY_SEQUENCES;
        shared && self.batch >= 2 * FEWEST_SEQUENCES
    }

    /// The most members of use.
    fn members(&self) -> usize {
        if self.batch * self.time * (self.weight_hh.len() + self.weight_ih.len()) < LEAST_WORK {
            1
        } else if self.by_sequence() {
            self.batch / FEWEST_SEQUENCES
        } else {
            self.hidden_size.div_ceil(lanes())
        }
    }

    fn share(&self, member: &Member) -> Share {
        if self.by_sequence() {
            Share { sequences: member.part(self.batch), units: 0..self.hidden_size, together: false }
        } else {
            let units = own_units(member, self.hidden_size);
            Share { sequences: 0..self.batch, units, together: !member.alone() }
        }
    }
}

/// A member's part of `units`, in whole vectors.
fn own_units(member: &Member, units: usize) -> Range<usize> {
    let lanes = lanes();
    let part = member.part(units.div_ceil(lanes));
    (part.start * lanes).min(units)..(part.end * lanes).min(units)
}

/// Cuts units into vectors, the last of which may be short.
#[inline(always)]
fn vectors(units: Range<usize>, lanes: usize) -> impl Iterator<Item = Range<usize>> {
    units.clone().step_by(lanes).map(move |first| first..units.end.min(first + lanes))
}

/// The widest vectors that the processor has; narrower ones, to check them, where the variable `RNN_ZOO_SIMD` says `avx2`
/// or `scalar`.
fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| match std::env::var("RNN_ZOO_SIMD").as_deref() {
        Ok("scalar") => Arch::Scalar,
        #[cfg(target_arch = "x86_64")]
        Ok("avx2") => pulp::x86::V3::try_new().map_or_else(Arch::new, Arch::V3),
        _ => Arch::new(),
    })
}

/// What the members of a team do, in the processor's vectors.
trait Job: Sync {
    fn run<S: Simd>(&self, simd: S, member: &Member);
}

/// Runs a job with at most `most` members.
fn work(most: usize, job: &impl Job) {
    struct One<'a, J>(&'a J, &'a Member<'a>);
    impl<J: Job> WithSimd for One<'_, J> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd, self.1);
        }
    }
    team::run(most, |member| arch().dispatch(One(job, member)));
}

/// How many values the processor's vectors hold.
fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch().dispatch(Lanes)
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::*;

    /// Made-up values in ±½.
    fn values(length: usize) -> Vec<f32> {
        (0..length).map(|index| (index * 37 % 101) as f32 / 101.0 - 0.5).collect()
    }

    /// The outputs, and the gradients of all that a layer of ragged sequences reads.
    fn results(cell: Cell, order: Order, [batch, time, input, hidden]: [usize; 4]) -> [Vec<f32>; 7] {
        let gates = cell.gates();
        let memory = if cell.has_memory() { batch * hidden } else { 0 };
        let lengths: Vec<usize> = (0..batch).map(|sequence| sequence % (time + 1)).collect();
        let layer = Layer {
            cell,
            order,
            batch,
            time,
            input_size: input,
            hidden_size: hidden,
            lengths: Some(&lengths),
            input: &values(batch * time * input),
            weight_ih: &values(gates * hidden * input),
            weight_hh: &values(gates * hidden * hidden),
            bias_ih: &values(gates * hidden),
            bias_hh: &values(gates * hidden),
            initial_hidden: &values(batch * hidden),
            initial_cell: &values(memory),
        };
        let Forward { outputs, kept } = forward(&layer, true);
        let Gradients { input, weight_ih, weight_hh, bias_ih, bias_hh, initial } =
            backward(&layer, kept.unwrap(), &outputs, &values(outputs.len()));
        [outputs, input, weight_ih, weight_hh, bias_ih, bias_hh, initial]
    }

    /// Members take sequences of the first, and units of the second. Miri is slow.
    const SHAPES: [[usize; 4]; 2] =
        if cfg!(miri) { [[33, 2, 1, 3], [2, 3, 1, 6]] } else { [[33, 3, 2, 19], [3, 4, 5, 67]] };

    /// Also what Miri is given to watch:
    /// `MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-disable-isolation -Zmiri-ignore-leaks" RAYON_NUM_THREADS=2 cargo +nightly miri
    /// test -p rnn --lib team`
    #[test]
    fn a_team_and_one_thread_agree_to_the_bit() {
        let alone = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
            for order in [Order::Forward, Order::Backward] {
                for shape in SHAPES {
                    let one = alone.install(|| results(cell, order, shape));
                    // Several times, as another test's team leaves this one a single member.
                    for _ in 0..3 {
                        assert!(results(cell, order, shape) == one, "{cell:?} {order:?} {shape:?}");
                    }
                }
            }
        }
    }
}
