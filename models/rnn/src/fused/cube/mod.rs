//! Recurrent layers on burn's GPU backends (`wgpu`, `vulkan`, `metal`, `cuda`, `rocm`), which share one type, [`Cube`].
//!
//! ```text
//! forward    x·W_ih (burn) ─► products [B, T, G·H] ─► one launch for all steps ─► outputs, final states; saved values
//! backward   one launch for all steps ─► gradients of the gates ─► x, weights, biases (products and sums of burn)
//! ```

// A launch without bounds checks is unsafe: the buffers must have the shapes that the kernel expects.
#![allow(unsafe_code)]
// A kernel has one argument per buffer.
#![allow(clippy::too_many_arguments)]
// Only the gradients use the saved values and the backward kernels.
#![cfg_attr(not(feature = "autodiff"), allow(dead_code))]

mod kernels;
mod reset_before;

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{DType, Shape, Slice};
use burn_cubecl::CubeDevice;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::server::Handle;

use self::kernels::Plan;
#[cfg(feature = "autodiff")]
use super::RecurrentKernel;
use super::{LayerOptions, RecurrentLayer, Rows};
use crate::Cell;
use crate::scan::Direction;

/// The largest number of units of a cube, which WebGPU guarantees.
const UNITS: u32 = 256;

/// Whether the state of a layer with `size` hidden units fits the shared memory of a cube.
pub(super) fn fits(device: &CubeDevice, cell: Cell, size: usize) -> bool {
    let plan = Plan { cell, size, slices: 1, reverse: false, keep: true };
    plan.shared_values() * size_of::<f32>() <= device.client().properties().hardware.max_shared_memory_size
}

/// What the backward pass of a layer needs.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    input: CubeTensor,
    weight_ih: CubeTensor,
    weight_hh: CubeTensor,
    /// The saved values of all steps, `[batch × time, slots × hidden]`.
    values: CubeTensor,
    lengths: Lengths,
    plan: Plan,
}

/// The length of each sequence in device memory.
#[derive(Clone, Debug)]
struct Lengths {
    handle: Handle,
    batch: usize,
    time: usize,
    is_ragged: bool,
}

impl Lengths {
    fn new(client: &Client, lengths: Option<&[usize]>, batch: usize, time: usize) -> Self {
        let values: Vec<u32> = match lengths {
            Some(lengths) => lengths.iter().map(|length| *length as u32).collect(),
            None => vec![time as u32; batch],
        };
        let is_ragged = values.iter().any(|length| (*length as usize) < time);
        Self { handle: client.create_from_slice(u32::as_bytes(&values)), batch, time, is_ragged }
    }

    fn arg(&self) -> BufferArg {
        // SAFETY: `new` makes the buffer with `batch` values.
        unsafe { BufferArg::from_raw_parts(self.handle.clone(), self.batch) }
    }
}

#[cfg(feature = "autodiff")]
impl RecurrentKernel for Cube {
    type Saved = Saved;

    fn outputs_and_saved(inputs: [CubeTensor; 6], options: LayerOptions) -> (CubeTensor, Saved) {
        forward(inputs, options, true)
    }

    fn gradients(saved: Saved, d_outputs: CubeTensor, _to_initial: bool) -> [CubeTensor; 6] {
        let Saved { input, weight_ih, weight_hh, values, lengths, plan } = saved;
        let [batch, time, features] = input.shape().dims();
        let size = plan.size;
        let rows = batch * time;
        let (values, d_initial) = run_backward(values, &weight_hh, d_outputs, &lengths, plan);
        let input = if lengths.is_ragged { clear_padding(input, &lengths) } else { input };

        let sums = Self::float_sum_dim(values.clone(), 0); // [1, slots·H]
        let slots = |first: usize, count: usize| Slice::from(first * size..(first + count) * size);
        let columns = |first, count| Self::float_slice(values.clone(), &[Slice::from(0..rows), slots(first, count)]);
        let sum = |first, count: usize| {
            let sum = Self::float_slice(sums.clone(), &[Slice::from(0..1), slots(first, count)]);
            Self::float_reshape(sum, Shape::new([count * size]))
        };
        let product = |gates: CubeTensor, other: CubeTensor| Self::float_matmul(Self::float_transpose(gates), other);
        let gates = plan.cell.gates();
        let first = usize::from(plan.cell == Cell::Gru); // the slot of the first gate
        let hidden = match plan.cell {
            Cell::GruResetBefore => columns(3, 1),
            _ => columns(plan.slots() - 1, 1),
        }; // the hidden states before the steps, [B·T, H]
        let (d_weight_hh, d_bias_hh) = match plan.cell {
            // The gradient of the recurrent product of the candidate is in the first slot.
            Cell::Gru => {
                let [of_n, of_rz] = [columns(0, 1), columns(1, 2)].map(|gates| product(gates, hidden.clone()));
                (Self::float_cat(vec![of_rz, of_n], 0), Self::float_cat(vec![sum(1, 2), sum(0, 1)], 0))
            }
            Cell::GruResetBefore => {
                let parts = vec![product(columns(0, 2), hidden), product(columns(2, 1), columns(4, 1))];
                (Self::float_cat(parts, 0), sum(0, gates))
            }
            _ => (product(columns(0, gates), hidden), sum(0, gates)),
        };
        let d_gates = columns(first, gates); // [B·T, G·H]
        let d_weight_ih = product(d_gates.clone(), Self::float_reshape(input, Shape::new([rows, features])));
        let d_input = Self::float_matmul(d_gates, weight_ih);
        let d_input = Self::float_reshape(d_input, Shape::new([batch, time, features]));
        [d_input, d_weight_ih, d_weight_hh, sum(first, gates), d_bias_hh, d_initial]
    }

    fn rows_gradient(d_rows: CubeTensor, start: usize, [rows, size]: [usize; 2]) -> CubeTensor {
        let [count, _] = d_rows.shape().dims();
        let device = d_rows.device.clone();
        let all = Self::float_zeros(Shape::new([rows, size]), &device, DType::F32.into());
        Self::float_slice_assign(all, &[Slice::from(start..start + count), Slice::from(0..size)], d_rows)
    }
}

impl RecurrentLayer for Cube {
    fn recurrent_layer(
        input: CubeTensor,
        weight_ih: CubeTensor,
        weight_hh: CubeTensor,
        bias_ih: CubeTensor,
        bias_hh: CubeTensor,
        initial: CubeTensor,
        options: LayerOptions,
    ) -> CubeTensor {
        forward([input, weight_ih, weight_hh, bias_ih, bias_hh, initial], options, false).0
    }
}

impl Rows for Cube {
    fn rows(all: CubeTensor, rows: Range<usize>) -> CubeTensor {
        let [_, size] = all.shape().dims();
        Self::float_slice(all, &[Slice::from(rows), Slice::from(0..size)])
    }
}

fn forward(inputs: [CubeTensor; 6], options: LayerOptions, keep: bool) -> (CubeTensor, Saved) {
    let [input, weight_ih, weight_hh, bias_ih, bias_hh, initial] = inputs.map(into_contiguous);
    let [batch, time, features] = input.shape().dims();
    let [_, size] = weight_hh.shape().dims();
    let LayerOptions { cell, direction, lengths } = options;
    let units = units(&input.client);
    let slices = slices(cell, size, units as usize);
    let plan = Plan { cell, size, slices, reverse: direction == Direction::Reverse, keep };
    let lengths = Lengths::new(&input.client, lengths.as_deref(), batch, time);

    let rows = Cube::float_reshape(input.clone(), Shape::new([batch * time, features]));
    let products = Cube::float_matmul(rows, Cube::float_transpose(weight_ih.clone())); // [B·T, G·H]
    let packed = pack(&weight_hh, bias_ih, bias_hh, plan);
    let all = empty(&input, [batch * time + plan.states() * batch, size]);
    let values = empty(&input, if keep { [batch * time, plan.slots() * size] } else { [1, 1] });
    let launch = match cell {
        Cell::GruResetBefore => reset_before::forward::launch_unchecked,
        _ => kernels::forward::launch_unchecked,
    };
    // SAFETY: the buffers have the shapes that the module `kernels` documents, and `fits` has checked the shared memory.
    unsafe {
        launch(
            &input.client,
            CubeCount::Static(batch as u32, 1, 1),
            cube_dim(plan, units),
            into_contiguous(products).into_buffer_arg(),
            packed.into_buffer_arg(),
            initial.into_buffer_arg(),
            lengths.arg(),
            all.clone().into_buffer_arg(),
            values.clone().into_buffer_arg(),
            time,
            plan,
        );
    }
    (all, Saved { input, weight_ih, weight_hh, values, lengths, plan })
}

/// Runs the backward kernel. Returns the values with the gradients of the gates, and the gradients of the initial
/// states, `[1 or 2, batch, hidden]`.
fn run_backward(
    values: CubeTensor,
    weight_hh: &CubeTensor,
    d_outputs: CubeTensor,
    lengths: &Lengths,
    plan: Plan,
) -> (CubeTensor, CubeTensor) {
    let values = if values.can_mut() { values } else { values.copy() };
    let d_initial = empty(&values, [plan.states() * lengths.batch, plan.size]);
    let units = units(&values.client);
    let launch = match plan.cell {
        Cell::GruResetBefore => reset_before::backward::launch_unchecked,
        _ => kernels::backward::launch_unchecked,
    };
    // SAFETY: as in `forward`.
    unsafe {
        launch(
            &values.client,
            CubeCount::Static(lengths.batch as u32, 1, 1),
            cube_dim(plan, units),
            values.clone().into_buffer_arg(),
            weight_hh.clone().into_buffer_arg(),
            into_contiguous(d_outputs).into_buffer_arg(),
            lengths.arg(),
            d_initial.clone().into_buffer_arg(),
            lengths.time,
            plan,
        );
    }
    let shape = Shape::new([plan.states(), lengths.batch, plan.size]);
    (values, Cube::float_reshape(d_initial, shape))
}

/// Packs the weights and biases of a layer into one buffer.
fn pack(weight_hh: &CubeTensor, bias_ih: CubeTensor, bias_hh: CubeTensor, plan: Plan) -> CubeTensor {
    let packed = empty(weight_hh, [plan.size + 2, plan.width()]);
    let values = (plan.size + 2) * plan.width();
    // SAFETY: the kernel writes no value after the last of `packed`.
    unsafe {
        kernels::pack::launch_unchecked(
            &weight_hh.client,
            CubeCount::Static(values.div_ceil(UNITS as usize) as u32, 1, 1),
            CubeDim::new_1d(UNITS),
            weight_hh.clone().into_buffer_arg(),
            bias_ih.into_buffer_arg(),
            bias_hh.into_buffer_arg(),
            packed.clone().into_buffer_arg(),
            plan,
        );
    }
    packed
}

/// Sets the padding of an input, `[batch, time, features]`, to zero.
fn clear_padding(input: CubeTensor, lengths: &Lengths) -> CubeTensor {
    let [batch, time, features] = input.shape().dims();
    let cleared = empty(&input, [batch * time, features]);
    // SAFETY: the kernel writes no value after the last of `cleared`, which has the size of `input`.
    unsafe {
        kernels::clear_padding::launch_unchecked(
            &input.client.clone(),
            CubeCount::Static((batch * time * features).div_ceil(UNITS as usize) as u32, 1, 1),
            CubeDim::new_1d(UNITS),
            input.into_buffer_arg(),
            lengths.arg(),
            cleared.clone().into_buffer_arg(),
            time,
            features,
        );
    }
    Cube::float_reshape(cleared, Shape::new([batch, time, features]))
}

/// The largest number of units of a cube.
fn units(client: &Client) -> u32 {
    client.properties().hardware.max_units_per_cube.min(UNITS)
}

/// The number of slices into which the units of a cube split the recurrent sums, so that layers with few hidden units
/// use all units.
fn slices(cell: Cell, size: usize, units: usize) -> usize {
    match cell {
        Cell::GruResetBefore => 1,
        _ => (units / size).clamp(1, 8),
    }
}

/// The number of units of a cube: one per hidden unit and slice. If the device does not allow so many units, it is the
/// largest allowed number, and each unit computes several hidden units.
fn cube_dim(plan: Plan, units: u32) -> CubeDim {
    CubeDim::new_1d(((plan.size * plan.slices) as u32).min(units))
}

fn empty(like: &CubeTensor, shape: [usize; 2]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::new(shape), DType::F32)
}
