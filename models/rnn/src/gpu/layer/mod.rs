//! A recurrent layer as one operation on a GPU.
//!
//! ```text
//! forward    burn: x·W_ih, [B·T, D·G·H] ─► one launch for all steps ─► outputs, final states, saved values
//! backward   one launch for all steps ─► gradients of the gates ─► `gpu/product.rs`: gradients of x, weights, biases
//! ```
//!
//! B is the batch size, T the number of steps, D the number of directions, G the number of gates and H the hidden size.
//! Both directions of a bidirectional layer are one operation, so that they run at the same time.
//!
//! | file | contents |
//! |---|---|
//! | `plan.rs` | the compile-time settings of the kernels and the layout of their buffers |
//! | `pack.rs` | kernels that copy the weights to another layout, and that set the padding of the input to zero |
//! | `forward.rs`, `backward.rs` | the kernels that process all steps |
//! | `launch.rs` | the code that allocates buffers and launches the kernels |
//! | `autodiff.rs` | the gradients (feature `autodiff`) |

#[cfg(feature = "autodiff")]
mod autodiff;
mod backward;
mod forward;
mod launch;
mod pack;
mod plan;

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, DispatchDevice, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Slice, Tensor};
use burn_cubecl::ops::numeric::zeros;
use burn_cubecl::tensor::CubeTensor;

use self::launch::Call;
use super::has_kernels;
use crate::Cell;
use crate::fused::Rows;
use crate::lengths::Lengths;
use crate::scan::{Direction, LayerInput, LayerState};
use crate::weights::WeightTensors;

/// Returns whether the GPU kernels can compute a layer: its device is a GPU, its tensors are 32-bit floats, and its
/// state fits the shared memory of a cube (thread block).
pub(crate) fn supports(layer: &LayerInput) -> bool {
    let DispatchDevice::Cube(gpu) = layer.input.device().without_autodiff().as_dispatch().clone() else { return false };
    let types = layer.directions.iter().flat_map(|(_, weights, initial)| {
        [weights.weight_ih.dtype(), weights.weight_hh.dtype(), initial.hidden.dtype()]
    });
    let types: Vec<_> = types.chain([layer.input.dtype()]).collect();
    has_kernels(&layer.input.device(), &types) && launch::fits(&gpu, layer.cell, layer.hidden_size())
}

/// Computes all directions of a layer for which [`supports`] returns true. Returns the outputs,
/// `[batch, time, directions × hidden]`, and the final state of each direction.
pub(crate) fn layer(layer: LayerInput) -> (Tensor<3>, Vec<LayerState>) {
    let LayerInput { cell, input, directions, lengths } = layer;
    let [batch, time, _] = input.dims();
    let count = directions.len();
    let reverse = directions.iter().any(|(direction, ..)| *direction == Direction::Reverse);
    let mut hidden = Vec::with_capacity(count);
    let mut memory = Vec::new();
    let mut weights = Vec::with_capacity(count);
    for (_, direction, initial) in directions {
        hidden.push(initial.hidden);
        memory.extend(initial.cell_state);
        weights.push(direction);
    }
    hidden.append(&mut memory);
    let initial: Tensor<3> = Tensor::stack(hidden, 0); // [S·D, B, H]
    let [states, _, size] = initial.dims();
    let options = CubeOptions { cell, reverse: reverse && count == 1, lengths: lengths.cloned() };
    let (input, initial) = (input.into_dispatch(), initial.into_dispatch());
    let all = match <[WeightTensors; 2]>::try_from(weights) {
        Ok([forward, reverse]) => {
            let [a, b, c, d] = forward.into_dispatch();
            let [e, f, g, h] = reverse.into_dispatch();
            <Dispatch as CubeLayer>::both_directions(input, initial, a, b, c, d, e, f, g, h, options)
        }
        Err(mut single) => {
            let [a, b, c, d] = single.remove(0).into_dispatch();
            <Dispatch as CubeLayer>::one_direction(input, initial, a, b, c, d, options)
        }
    };

    let rows = |start: usize, count: usize| {
        Tensor::<2>::from_dispatch(<Dispatch as Rows>::rows(all.clone(), start..start + count))
    };
    let outputs = rows(0, batch * time * count).reshape([batch, time, count * size]);
    let state = |index: usize| rows(batch * (time * count + index), batch);
    let finals = (0..count).map(|direction| LayerState {
        hidden: state(direction),
        cell_state: (states > count).then(|| state(count + direction)),
    });
    (outputs, finals.collect())
}

/// The arguments of the operations of [`CubeLayer`] that are not tensors.
#[derive(Clone, Debug)]
pub(crate) struct CubeOptions {
    cell: Cell,
    /// Whether the only direction of the layer is the reverse direction.
    reverse: bool,
    /// The length of each sequence, `[batch]`; `None` if there is no padding.
    lengths: Option<Lengths>,
}

/// The burn operations that compute one layer over whole sequences.
///
/// The operations return one matrix with `hidden` columns. Its first rows are the outputs,
/// `[batch, time, directions × hidden]`, in row-major order. The final states, `[states × directions, batch, hidden]`,
/// follow. An LSTM has two states (hidden state and cell state), and other cells have one.
///
/// `input`: `[batch, time, features]`; `initial`: the initial states, `[states × directions, batch, hidden]`. For each
/// direction, the input weights, the recurrent weights, the input bias and the recurrent bias follow, in the shapes of
/// [`Weights`](crate::Weights).
#[backend_extension(Cube: cfg(feature = "cube"), Autodiff: cfg(feature = "autodiff"))]
pub(crate) trait CubeLayer: Backend {
    /// Computes a layer with one direction.
    fn one_direction(
        input: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        options: CubeOptions,
    ) -> FloatTensor<Self>;

    /// Computes both directions of a bidirectional layer at the same time.
    fn both_directions(
        input: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        reverse_weight_ih: FloatTensor<Self>,
        reverse_weight_hh: FloatTensor<Self>,
        reverse_bias_ih: FloatTensor<Self>,
        reverse_bias_hh: FloatTensor<Self>,
        options: CubeOptions,
    ) -> FloatTensor<Self>;
}

impl CubeLayer for Cube {
    fn one_direction(
        input: CubeTensor,
        initial: CubeTensor,
        weight_ih: CubeTensor,
        weight_hh: CubeTensor,
        bias_ih: CubeTensor,
        bias_hh: CubeTensor,
        options: CubeOptions,
    ) -> CubeTensor {
        let tensors = [input, initial, weight_ih, weight_hh, bias_ih, bias_hh];
        Call::new(tensors.into(), options, false).forward().0
    }

    fn both_directions(
        input: CubeTensor,
        initial: CubeTensor,
        a: CubeTensor,
        b: CubeTensor,
        c: CubeTensor,
        d: CubeTensor,
        e: CubeTensor,
        f: CubeTensor,
        g: CubeTensor,
        h: CubeTensor,
        options: CubeOptions,
    ) -> CubeTensor {
        Call::new(vec![input, initial, a, b, c, d, e, f, g, h], options, false).forward().0
    }
}

impl Rows for Cube {
    fn rows(all: CubeTensor, rows: Range<usize>) -> CubeTensor {
        let [_, size] = all.shape().dims();
        Self::float_slice(all, &[Slice::from(rows), Slice::from(0..size)])
    }
}

#[cfg(feature = "autodiff")]
impl crate::fused::RowsGradient for Cube {
    fn rows_gradient(d_rows: CubeTensor, start: usize, [rows, size]: [usize; 2]) -> CubeTensor {
        let [count, _] = d_rows.shape().dims();
        if count == rows {
            return d_rows;
        }
        let all = zeros(d_rows.device.clone(), Shape::new([rows, size]), d_rows.dtype);
        Self::float_slice_assign(all, &[Slice::from(start..start + count), Slice::from(0..size)], d_rows)
    }
}
