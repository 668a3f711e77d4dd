//! Allocates the buffers of the kernels of one layer, and launches the kernels.

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::plan::{LANES, Plan};
use super::{CubeOptions, backward, forward, pack};
use crate::Cell;
use crate::gpu::{empty, grid, limit, product, units};
use crate::lengths::Lengths;

/// The largest number of slices (ranges of terms) into which the sum of a recurrent product is divided. Several threads
/// compute one sum, one slice each.
const MAX_SLICES: usize = 8;
/// The largest number of multiplications in one launch, which take 0.4 s on a slow GPU. Windows stops a launch after
/// two seconds.
const MAX_PRODUCTS: usize = 20_000_000_000;
/// The largest number of loop iterations of a thread in one launch. Mesa's software adapter (llvmpipe) ends the loops
/// of a kernel after 65,535 iterations without an error.
const MAX_ITERATIONS: usize = 60_000;

/// Returns whether the state of a layer with `size` hidden units fits the shared memory of a cube (thread block), and
/// the device can compute the matrix products of the backward pass.
pub(super) fn fits(device: &CubeDevice, cell: Cell, size: usize) -> bool {
    let plan = Plan { cell, size, directions: 1, reverse: false, ragged: true, slices: 1, keep: true };
    let client = device.client();
    fits_shared_memory(&client, &plan) && product::fits(&client)
}

fn fits_shared_memory(client: &Client, plan: &Plan) -> bool {
    plan.shared_values() * size_of::<f32>() <= client.properties().hardware.max_shared_memory_size
}

/// Returns the largest number of steps of one launch. The environment variable `RNN_ZOO_GPU_STEPS` lowers the number.
fn steps_per_launch(plan: &Plan, batch: usize, units: u32) -> usize {
    let products = batch * plan.directions * plan.width() * plan.size;
    let rounds = (plan.size * plan.slices).div_ceil(units as usize);
    let iterations = rounds * (plan.cell.gates() * plan.vectors()).div_ceil(plan.slices) + 8 * rounds;
    let steps = (MAX_PRODUCTS / products).min(MAX_ITERATIONS / iterations).max(1);
    limit("RNN_ZOO_GPU_STEPS").map_or(steps, |limit| steps.min(limit))
}

/// Splits the steps `0..time` into ranges of steps. One launch processes one range.
fn chunks(plan: &Plan, [batch, time]: [usize; 2], units: u32) -> impl Iterator<Item = Range<usize>> {
    let steps = steps_per_launch(plan, batch, units);
    (0..time.max(1)).step_by(steps).map(move |first| first..(first + steps).min(time))
}

/// The arguments of one call of an operation of [`CubeLayer`](super::CubeLayer), and the settings of its kernels.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The input of the layer, `[batch, time, features]`.
    pub input: CubeTensor,
    /// The initial states, `[states × directions, batch, hidden]`.
    initial: CubeTensor,
    /// The parameters of each direction.
    pub weights: Vec<Weights>,
    /// The length of each sequence, `[batch]`; `None` if there is no padding.
    lengths: Option<Lengths>,
    /// The compile-time settings of the kernels.
    pub plan: Plan,
    /// The largest number of units (threads) of a cube (thread block).
    units: u32,
}

/// The parameters of a layer in one direction.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub weight_ih: CubeTensor,
    pub weight_hh: CubeTensor,
    bias_ih: CubeTensor,
    bias_hh: CubeTensor,
}

impl Weights {
    fn new([weight_ih, weight_hh, bias_ih, bias_hh]: [CubeTensor; 4]) -> Self {
        Self { weight_ih, weight_hh, bias_ih, bias_hh }
    }
}

impl Call {
    /// Creates a call. `tensors`: the tensor arguments of an operation of [`CubeLayer`](super::CubeLayer), in the same
    /// order. `keep`: whether the forward pass saves the values that the backward pass needs.
    pub fn new(tensors: Vec<CubeTensor>, options: CubeOptions, keep: bool) -> Self {
        let tensors: Vec<_> = tensors.into_iter().map(into_contiguous).collect();
        let (input, initial) = (tensors[0].clone(), tensors[1].clone());
        let [states, _, size] = initial.shape().dims();
        let CubeOptions { cell, reverse, lengths } = options;
        let directions = if cell.has_memory() { states / 2 } else { states };
        let (weights, _) = tensors[2..].as_chunks::<4>();
        let weights = weights.iter().cloned().map(Weights::new).collect();
        let [_, time, _] = input.shape().dims();
        let lengths = lengths.filter(|lengths| lengths.iter().any(|length| *length < time));
        let units = units(&input.client);
        let whole = Plan { cell, size, directions, reverse, ragged: lengths.is_some(), slices: 1, keep };
        let most = (units as usize / size).clamp(1, MAX_SLICES).min(whole.vectors());
        let plans = (1..=most).rev().map(|slices| Plan { slices, ..whole });
        let plan = plans.into_iter().find(|plan| fits_shared_memory(&input.client, plan)).unwrap_or(whole);
        Self { input, initial, weights, lengths, plan, units }
    }

    /// Returns the number of sequences and the number of steps.
    pub fn dims(&self) -> [usize; 2] {
        let [batch, time, _] = self.input.shape().dims();
        [batch, time]
    }

    fn client(&self) -> &Client {
        &self.input.client
    }

    /// Returns the input weights of all directions, `[directions × gates × hidden, features]`.
    pub fn input_weights(&self) -> CubeTensor {
        let mut weights = self.weights.iter().map(|weights| weights.weight_ih.clone());
        match (weights.next(), weights.next()) {
            (Some(single), None) => single,
            (first, second) => Cube::float_cat(first.into_iter().chain(second).collect(), 0),
        }
    }

    /// Runs the forward pass. Returns the matrix that the operations of [`CubeLayer`](super::CubeLayer) return, and the
    /// values that are saved for the backward pass.
    pub fn forward(&self) -> (CubeTensor, CubeTensor) {
        let Self { input, plan, .. } = self;
        let ([batch, time], plan) = (self.dims(), *plan);
        let [_, _, features] = input.shape().dims();
        let rows = Cube::float_reshape(input.clone(), Shape::new([batch * time, features]));
        // The shape is [batch × time, directions × gates × hidden].
        let products = Cube::float_matmul(rows, Cube::float_transpose(self.input_weights()));
        let products = into_contiguous(products);
        let packed = self.pack_forward();
        let all = empty(input, [batch * (time + plan.states()) * plan.directions, plan.size]);
        let saved = empty(input, if plan.keep { [batch * time, plan.saved_width()] } else { [1, 1] });
        for steps in chunks(&plan, [batch, time], self.units) {
            // SAFETY: the buffers have the shapes that the module `forward` documents, and `new` has chosen
            // a plan that fits the shared memory.
            unsafe {
                forward::forward::launch_unchecked(
                    self.client(),
                    self.cube_count(),
                    self.cube_dim(),
                    LANES,
                    products.clone().into_buffer_arg(),
                    packed.clone().into_buffer_arg(),
                    self.initial.clone().into_buffer_arg(),
                    self.lengths_arg(),
                    all.clone().into_buffer_arg(),
                    saved.clone().into_buffer_arg(),
                    time,
                    steps.start,
                    steps.end,
                    plan,
                );
            }
        }
        (all, saved)
    }

    /// Runs the backward kernel. Returns two tensors: `saved`, with the gradients of the gates in place of the gates;
    /// and the gradients of the initial states.
    pub fn backward(&self, saved: CubeTensor, d_all: CubeTensor) -> (CubeTensor, CubeTensor) {
        let ([batch, time], plan) = (self.dims(), self.plan);
        let saved = if saved.can_mut() { saved } else { saved.copy() };
        let packed = self.pack_backward();
        let d_all = into_contiguous(d_all);
        let d_initial = empty(&self.input, [plan.states() * plan.directions * batch, plan.size]);
        for steps in chunks(&plan, [batch, time], self.units) {
            // SAFETY: the buffers have the shapes that the module `backward` documents, and `new` has chosen
            // a plan that fits the shared memory.
            unsafe {
                backward::backward::launch_unchecked(
                    self.client(),
                    self.cube_count(),
                    self.cube_dim(),
                    LANES,
                    saved.clone().into_buffer_arg(),
                    packed.clone().into_buffer_arg(),
                    d_all.clone().into_buffer_arg(),
                    self.lengths_arg(),
                    d_initial.clone().into_buffer_arg(),
                    time,
                    steps.start,
                    steps.end,
                    plan,
                );
            }
        }
        let shape = Shape::new([plan.states() * plan.directions, batch, plan.size]);
        (saved, Cube::float_reshape(d_initial, shape))
    }

    fn pack_forward(&self) -> CubeTensor {
        let [vectors, _] = self.plan.packed_vectors();
        let packed = empty(&self.input, [self.plan.directions * vectors, LANES]);
        for (direction, weights) in self.weights.iter().enumerate() {
            let Weights { weight_hh, bias_ih, bias_hh, .. } = weights.clone();
            // SAFETY: the kernel writes `vectors` vectors for each direction, for which `packed` has memory.
            unsafe {
                pack::pack_forward::launch_unchecked(
                    self.client(),
                    self.elementwise(vectors),
                    CubeDim::new_1d(self.units),
                    LANES,
                    weight_hh.into_buffer_arg(),
                    bias_ih.into_buffer_arg(),
                    bias_hh.into_buffer_arg(),
                    packed.clone().into_buffer_arg(),
                    direction,
                    self.plan,
                );
            }
        }
        packed
    }

    fn pack_backward(&self) -> CubeTensor {
        let [_, vectors] = self.plan.packed_vectors();
        let packed = empty(&self.input, [self.plan.directions * vectors, LANES]);
        for (direction, weights) in self.weights.iter().enumerate() {
            // SAFETY: the kernel writes `vectors` vectors for each direction, for which `packed` has memory.
            unsafe {
                pack::pack_backward::launch_unchecked(
                    self.client(),
                    self.elementwise(vectors),
                    CubeDim::new_1d(self.units),
                    LANES,
                    weights.weight_hh.clone().into_buffer_arg(),
                    packed.clone().into_buffer_arg(),
                    direction,
                    self.plan,
                );
            }
        }
        packed
    }

    /// Returns the input as a matrix, `[batch × time, features]`, with zeros in the padding.
    pub fn input_rows(&self) -> CubeTensor {
        let [batch, time, features] = self.input.shape().dims();
        if self.lengths.is_none() {
            return Cube::float_reshape(self.input.clone(), Shape::new([batch * time, features]));
        }
        let cleared = empty(&self.input, [batch * time, features]);
        // SAFETY: the kernel writes only values of `cleared`, which has the size of the input.
        unsafe {
            pack::clear_padding::launch_unchecked(
                self.client(),
                self.elementwise(batch * time * features),
                CubeDim::new_1d(self.units),
                self.input.clone().into_buffer_arg(),
                self.lengths_arg(),
                cleared.clone().into_buffer_arg(),
                time,
                features,
            );
        }
        cleared
    }

    /// Returns the grid of the layer's kernels: one cube (thread block) per sequence and direction.
    fn cube_count(&self) -> CubeCount {
        let [batch, _] = self.dims();
        CubeCount::Static(batch as u32, self.plan.directions as u32, 1)
    }

    /// Returns the number of threads of a cube (thread block): one thread per hidden unit and slice, where a slice is a
    /// range of terms of the sums of the recurrent product. If the device does not allow so many threads, returns the
    /// largest number that it allows; each thread then computes several hidden units.
    fn cube_dim(&self) -> CubeDim {
        CubeDim::new_1d(((self.plan.size * self.plan.slices) as u32).min(self.units))
    }

    /// Returns a grid of cubes (thread blocks) with at least one thread for each of `values` values.
    fn elementwise(&self, values: usize) -> CubeCount {
        grid(values.div_ceil(self.units as usize))
    }

    fn lengths_arg(&self) -> BufferArg {
        match &self.lengths {
            // SAFETY: the buffer has one value per sequence.
            Some(lengths) => unsafe { BufferArg::from_raw_parts(lengths.on_gpu(self.client()), lengths.len()) },
            // Without lengths, the kernel does not read this argument, so that any buffer is valid.
            None => self.weights[0].bias_hh.clone().into_buffer_arg(),
        }
    }
}
