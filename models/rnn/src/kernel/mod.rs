//! CPU kernels for forward and backward pass: a recurrent layer in one direction over whole sequences, and the linear
//! layer with cross-entropy loss at the end of a language model.
//!
//! The forward pass computes the input products `W·x` of a block of steps in one matrix product. Then it computes the
//! steps one by one: the recurrent product `U·h` and, while its sums are in registers, the gate activations. The
//! backward pass computes the gradients of all gates step by step, last step first. Then it computes the gradients of
//! the input and of the weight matrices in large matrix products. Each call packs the weight matrices once: it copies
//! them into panels (blocks of columns), in the order in which the loops read them. The forward pass can also use
//! matrices that the caller has packed.
//!
//! | file | contents |
//! |---|---|
//! | `forward.rs`, `backward.rs` | the loops over the steps, forward and backward |
//! | `cells.rs`, `reset_before.rs` | gate activations and their derivatives; GRU with two recurrent products per step |
//! | `step.rs`, `int8.rs` | one step of a stack of layers, with weights that are packed once; packed 8-bit weights |
//! | `dense.rs` | a dense layer for a few rows, with weights that are packed once |
//! | `matrix.rs` | products of two matrices, for dense layers |
//! | `products.rs` | the large matrix products: input products, and gradients of the input and of the weights |
//! | `softmax.rs` | linear layer, softmax and cross-entropy over many classes |
//! | `simd.rs`, `pack.rs` | SIMD functions and the inner loop of matrix products; packing of matrices into panels |
//! | `team.rs`, `memory.rs` | the threads that compute a layer together; their shared buffers |
//!
//! Unsafe code:
//!
//! - `memory.rs`: buffers that threads share, in which each thread promises to write only its own part; and the
//!   conversion between floats and cache lines of floats
//! - `team.rs`: the job of a team of threads, which helper threads borrow from the caller
//! - `simd.rs`: the reads in the inner loop of `product`, whose bounds are checked before the loop; and a prefetch hint
//!
//! The test `results_do_not_depend_on_the_number_of_threads` is run under Miri by hand. `.ci/run` runs this crate's
//! tests with debug assertions, which check the bounds of every access to shared buffers.
//!
//! Every sum adds its terms in a fixed order. Results are therefore bit-identical for any number of threads.

// Compilers keep arrays of vectors in registers in plain index loops. Iterators and closures may remain function calls,
// which do not use the vector instructions enabled in the caller.
#![allow(clippy::needless_range_loop)]

mod backward;
mod cells;
pub(crate) mod dense;
mod forward;
mod int8;
pub(crate) mod matrix;
mod memory;
mod pack;
mod products;
mod reset_before;
mod simd;
pub(crate) mod softmax;
pub(crate) mod step;
mod team;

use std::ops::Range;
use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

use crate::Cell;
use crate::scan::Direction;

pub(crate) use self::backward::Gradients;
pub(crate) use self::forward::Forward;
pub(crate) use self::memory::Aligned;
use self::memory::Shared;
pub(crate) use self::pack::PackedMatrices;
use self::team::Member;

/// The arguments of a kernel, which computes one layer in one direction for a batch of sequences.
#[derive(Clone, Copy)]
pub(crate) struct LayerArgs<'a> {
    pub cell: Cell,
    pub direction: Direction,
    /// The number of sequences.
    pub batch: usize,
    /// The number of steps, including padding.
    pub time: usize,
    /// The number of input features per step.
    pub input_size: usize,
    /// The number of hidden units.
    pub hidden_size: usize,
    /// The length of each sequence, `[batch]`, at most `time`; `None` if all sequences have `time` steps.
    pub lengths: Option<&'a [usize]>,
    /// The input of the layer, `[batch, time, input]`.
    pub input: &'a [f32],
    /// The input weight matrix, `[gates × hidden, input]`.
    pub weight_ih: &'a [f32],
    /// The recurrent weight matrix, `[gates × hidden, hidden]`.
    pub weight_hh: &'a [f32],
    /// The bias that is added to the product of input and `weight_ih`, `[gates × hidden]`.
    pub bias_ih: &'a [f32],
    /// The bias that is added to the product of hidden state and `weight_hh`, `[gates × hidden]`.
    pub bias_hh: &'a [f32],
    /// Both weight matrices, copied to the memory layout of the kernel (packed); `None` if the kernel packs them
    /// itself.
    pub packed: Option<&'a PackedMatrices>,
    /// The initial hidden state, `[batch, hidden]`.
    pub initial_hidden: &'a [f32],
    /// The initial cell state, `[batch, hidden]`; empty for cells without a cell state.
    pub initial_cell: &'a [f32],
}

/// Computes the forward pass over all steps of a layer. `keep`: whether to save the values that [`backward`] needs.
pub(crate) fn forward(layer: &LayerArgs, keep: bool) -> Forward {
    match layer.cell {
        Cell::Elman => forward::forward::<cells::Elman<false>, 1, 1>(layer, keep),
        Cell::ElmanRelu => forward::forward::<cells::Elman<true>, 1, 1>(layer, keep),
        Cell::Lstm => forward::forward::<cells::Lstm, 4, 5>(layer, keep),
        Cell::Gru => forward::forward::<cells::Gru, 3, 4>(layer, keep),
        Cell::GruResetBefore => reset_before::forward(layer, keep),
    }
}

/// Computes the backward pass over all steps of a layer. `saved` and `outputs` come from [`forward`]; `d_outputs` is
/// the gradient of `outputs`, with the same shape. `to_initial`: whether to compute the gradient of the initial states.
pub(crate) fn backward(
    layer: &LayerArgs,
    saved: Aligned,
    outputs: &[f32],
    d_outputs: &[f32],
    to_initial: bool,
) -> Gradients {
    let (outputs, _) = outputs.split_at(layer.outputs_len());
    let (d_outputs, d_final) = d_outputs.split_at(layer.outputs_len());
    let inputs = backward::BackwardInputs { layer, outputs, d_outputs, d_final, to_initial };
    match layer.cell {
        Cell::Elman => backward::backward::<cells::Elman<false>, 1, 1>(inputs, saved),
        Cell::ElmanRelu => backward::backward::<cells::Elman<true>, 1, 1>(inputs, saved),
        Cell::Lstm => backward::backward::<cells::Lstm, 4, 5>(inputs, saved),
        Cell::Gru => backward::backward::<cells::Gru, 3, 4>(inputs, saved),
        Cell::GruResetBefore => reset_before::backward(inputs, saved),
    }
}

impl LayerArgs<'_> {
    fn outputs_len(&self) -> usize {
        self.batch * self.time * self.hidden_size
    }

    fn length(&self, sequence: usize) -> usize {
        self.lengths.map_or(self.time, |lengths| lengths[sequence])
    }

    /// The time step that the loop over the steps processes in iteration `index`. In the reverse direction, the loop
    /// starts at the last step.
    fn step(&self, index: usize) -> usize {
        match self.direction {
            Direction::Forward => index,
            Direction::Reverse => self.time - 1 - index,
        }
    }

    /// The time step of a sequence that the layer processes before `step`; `None` if `step` is processed first.
    fn step_before(&self, sequence: usize, step: usize) -> Option<usize> {
        match self.direction {
            Direction::Forward => step.checked_sub(1),
            Direction::Reverse => Some(step + 1).filter(|&step| step < self.length(sequence)),
        }
    }

    /// The row, `sequence × time + step`, of the step of a sequence that the layer processes last; `None` for a
    /// sequence without steps.
    fn last(&self, sequence: usize) -> Option<usize> {
        let last = self.length(sequence).checked_sub(1)?;
        let step = match self.direction {
            Direction::Forward => last,
            Direction::Reverse => 0,
        };
        Some(sequence * self.time + step)
    }

    /// The rows, `sequence × time + step`, of all steps that are not padding.
    fn rows(&self) -> Vec<usize> {
        let steps = |sequence| (0..self.length(sequence)).map(move |step| sequence * self.time + step);
        (0..self.batch).flat_map(steps).collect()
    }

    /// Whether all initial hidden states are zero. The recurrent products of the first step of each sequence are then
    /// zero too.
    fn starts_from_zero(&self) -> bool {
        self.initial_hidden.iter().all(|&value| value == 0.0)
    }

    /// Returns a vector of `length` values, which the function `write` computes.
    ///
    /// # Safety
    ///
    /// `write` must write all values except the values of the padding, which stay zero. It must read no value before it
    /// has written this value.
    unsafe fn written(&self, length: usize, write: impl FnOnce(Shared)) -> Vec<f32> {
        match self.lengths {
            // SAFETY: there is no padding, so `write` writes all values, as the caller promises.
            None => unsafe { memory::written(length, write) },
            Some(_) => {
                let mut values = vec![0.0; length];
                write(Shared::new(&mut values));
                values
            }
        }
    }

    /// Replaces the content of `into` with the indices of the sequences for which `step` is not padding.
    fn active(&self, sequences: Range<usize>, step: usize, into: &mut Vec<usize>) {
        into.clear();
        into.extend(sequences.filter(|&sequence| step < self.length(sequence)));
    }

    /// The input features, `[input]`, of row `sequence × time + step`.
    fn input_at(&self, row: usize) -> &[f32] {
        &self.input[row * self.input_size..][..self.input_size]
    }

    /// The hidden state, `[hidden]`, of a sequence before a step: a row of `outputs`, or the initial hidden state.
    fn state_before<'a>(&'a self, outputs: &'a [f32], sequence: usize, step: usize) -> &'a [f32] {
        let (states, row) = match self.step_before(sequence, step) {
            Some(step) => (outputs, sequence * self.time + step),
            None => (self.initial_hidden, sequence),
        };
        &states[row * self.hidden_size..][..self.hidden_size]
    }
}

/// The position of values in the buffers of a layer: a sequence, a step, and a range of hidden units, at most one SIMD
/// vector of units.
#[derive(Clone)]
struct Position {
    sequence: usize,
    step: usize,
    units: Range<usize>,
}

/// The sequences and hidden units that one thread computes at every step.
struct Share {
    sequences: Range<usize>,
    units: Range<usize>,
    /// Whether other threads compute other units of the same sequences, so that all threads must synchronise at every
    /// step.
    needs_barrier: bool,
}

impl Share {
    /// Waits for the other threads if they compute other units of the same sequences.
    fn synchronize(&self, member: &Member) {
        if self.needs_barrier {
            member.wait();
        }
    }
}

/// The smallest number of sequences per thread when the threads divide the sequences. Matrix products with fewer rows
/// are slow.
const MIN_SEQUENCES: usize = 4;

/// The largest number of values of a weight matrix that fits the cache of a core: 196,608 values are 768 KiB, three
/// quarters of an L2 cache of 1 MiB. Every thread can then read the whole recurrent weight matrix at every step.
const CACHED_MATRIX: usize = 3 << 16;

/// The smallest batch size for which the threads divide the sequences although the recurrent weight matrix is larger
/// than the cache of a core. In a batch of at least this size, each value that a thread reads is used in so many
/// multiplications that the reads do not limit the speed.
const LARGE_BATCH: usize = 128;

/// The number of multiplications in a layer below which one thread is faster than several threads.
const MIN_PARALLEL_WORK: usize = if cfg!(test) { 1 } else { 1 << 18 };

impl LayerArgs<'_> {
    /// Whether the threads divide the sequences among themselves, which needs no synchronisation. Otherwise, the
    /// threads divide the hidden units.
    fn split_by_sequence(&self) -> bool {
        let shared = self.weight_hh.len() <= CACHED_MATRIX || self.batch >= LARGE_BATCH;
        shared && self.batch >= 2 * MIN_SEQUENCES
    }

    /// The number of multiplications of the forward pass.
    fn work(&self) -> usize {
        self.batch * self.time * (self.weight_hh.len() + self.weight_ih.len())
    }

    /// The largest useful number of threads for this layer and batch.
    fn max_threads(&self) -> usize {
        if self.work() < MIN_PARALLEL_WORK {
            1
        } else if self.split_by_sequence() {
            self.batch / MIN_SEQUENCES
        } else {
            self.hidden_size.div_ceil(lanes())
        }
    }

    fn share(&self, member: &Member) -> Share {
        if self.split_by_sequence() {
            Share { sequences: member.part(self.batch), units: 0..self.hidden_size, needs_barrier: false }
        } else {
            let units = member_units(member, self.hidden_size);
            Share { sequences: 0..self.batch, units, needs_barrier: !member.alone() }
        }
    }
}

/// The part of the hidden units (or columns) `0..units` that a thread computes. Each thread computes whole SIMD vectors
/// of units; only the last vector may have fewer units.
fn member_units(member: &Member, units: usize) -> Range<usize> {
    let lanes = lanes();
    let part = member.part(units.div_ceil(lanes));
    (part.start * lanes).min(units)..(part.end * lanes).min(units)
}

/// Splits a range of hidden units into ranges of `lanes` units, one per SIMD vector. The last range may be shorter.
#[inline(always)]
fn vectors(units: Range<usize>, lanes: usize) -> impl Iterator<Item = Range<usize>> {
    units.clone().step_by(lanes).map(move |first| first..units.end.min(first + lanes))
}

/// The widest SIMD instruction set of the processor. For tests, the environment variable `RNN_ZOO_SIMD` selects `avx2`
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

/// Work that the threads of a team do together. Each thread calls `run`, where `member` is this thread and `S` is the
/// SIMD instruction set.
trait Job: Sync {
    fn run<S: Simd>(&self, simd: S, member: &Member);
}

/// Runs a job with `work` multiplications on at most `max_threads` threads, and returns when all have finished.
fn run_team(max_threads: usize, work: usize, job: &impl Job) {
    struct One<'a, J>(&'a J, &'a Member<'a>);
    impl<J: Job> WithSimd for One<'_, J> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd, self.1);
        }
    }
    team::run(max_threads, work, |member| arch().dispatch(One(job, member)));
}

/// The number of 32-bit floats per SIMD vector of the instruction set that [`arch`] selects.
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

    /// Deterministic values in ±½.
    fn values(length: usize) -> Vec<f32> {
        (0..length).map(|index| (index * 37 % 101) as f32 / 101.0 - 0.5).collect()
    }

    /// The outputs and all gradients of a layer on sequences of different lengths.
    fn results(cell: Cell, direction: Direction, [batch, time, input, hidden]: [usize; 4]) -> [Vec<f32>; 7] {
        let gates = cell.gates();
        let cell_state = if cell.has_memory() { batch * hidden } else { 0 };
        let lengths: Vec<usize> = (0..batch).map(|sequence| sequence % (time + 1)).collect();
        let layer = LayerArgs {
            cell,
            direction,
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
            packed: None,
            initial_hidden: &values(batch * hidden),
            initial_cell: &values(cell_state),
        };
        let Forward { outputs, saved } = forward(&layer, true);
        let Gradients { input, weight_ih, weight_hh, bias_ih, bias_hh, initial } =
            backward(&layer, saved.unwrap(), &outputs, &values(outputs.len()), true);
        [outputs, input, weight_ih, weight_hh, bias_ih, bias_hh, initial]
    }

    /// Threads divide the sequences of the first shape and the units of the second. Miri is slow, so its shapes are
    /// smaller.
    const SHAPES: [[usize; 4]; 2] =
        if cfg!(miri) { [[33, 2, 1, 3], [2, 3, 1, 6]] } else { [[33, 3, 2, 19], [3, 4, 5, 67]] };

    /// Run under Miri to check the shared buffers: `MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-disable-isolation
    /// -Zmiri-ignore-leaks" RAYON_NUM_THREADS=2 cargo +nightly miri test -p rnn --lib number_of_threads`
    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let alone = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
            for direction in [Direction::Forward, Direction::Reverse] {
                for shape in SHAPES {
                    let one = alone.install(|| results(cell, direction, shape));
                    // Several times, because a team of another test can reduce this one to a single thread.
                    for _ in 0..3 {
                        assert!(results(cell, direction, shape) == one, "{cell:?} {direction:?} {shape:?}");
                    }
                }
            }
        }
    }
}
