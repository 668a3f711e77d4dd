//! A recurrent layer in one direction as one burn operation on the CPU (backend `flex`), computed by [`kernel`].
//!
//! The file `autodiff.rs` (feature `autodiff`) makes the operation one node of the autodiff graph.
//!
//! Extension point for other backends: a backend with its own kernel implements [`RecurrentLayer`] and [`Rows`], adds
//! its selector to their `#[backend_extension(…)]` (`Cube` for CubeCL), and is accepted by [`has_kernels`]. All other
//! backends use [`composed`](crate::scan::composed).

#[cfg(feature = "autodiff")]
mod autodiff;

use std::ops::Range;
use std::sync::Arc;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};

use crate::Cell;
use crate::kernel::{self, Aligned, LayerArgs};
use crate::scan::{Direction, LayerState, ScanInput};

/// Whether the CPU kernels can compute a layer: its input, weights and initial state must be 32-bit floats on `flex`.
pub(crate) fn supports(scan: &ScanInput) -> bool {
    let ScanInput { input, weights, initial, .. } = scan;
    has_kernels(&input.device(), &[input.dtype(), weights.weight_hh.dtype(), initial.hidden.dtype()])
}

/// Whether this crate has kernels for tensors of the given types on the device.
///
/// Another crate can enable burn's autodiff without this crate's feature `autodiff`. The kernels then have no gradient,
/// so autodiff devices use burn's tensor operations.
pub(crate) fn has_kernels(device: &Device, types: &[DType]) -> bool {
    if device.is_autodiff() && !cfg!(feature = "autodiff") {
        return false;
    }
    let on_flex = matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_));
    on_flex && types.iter().all(|&dtype| dtype == DType::F32)
}

/// Computes [`scan`](crate::scan::scan), which processes all steps of a layer in one direction, with a CPU kernel.
pub(crate) fn scan(scan: ScanInput) -> (Tensor<3>, LayerState) {
    let ScanInput { cell, direction, input, weights, initial, lengths } = scan;
    let [batch, time, _] = input.dims();
    let hidden_size = weights.hidden_size();
    let LayerState { hidden, cell_state } = initial;
    let states = std::iter::once(hidden).chain(cell_state).collect::<Vec<_>>();
    let initial: Tensor<3> = Tensor::stack(states, 0); // [1 or 2, B, H]
    let options = LayerOptions { cell, direction, lengths: lengths.map(Arc::from) };
    let all = <Dispatch as RecurrentLayer>::recurrent_layer(
        input.into_dispatch(),
        weights.weight_ih.into_dispatch(),
        weights.weight_hh.into_dispatch(),
        weights.bias_ih.into_dispatch(),
        weights.bias_hh.into_dispatch(),
        initial.into_dispatch(),
        options,
    );
    let rows = |start: usize, count: usize| {
        Tensor::<2>::from_dispatch(<Dispatch as Rows>::rows(all.clone(), start..start + count))
    };
    let outputs = rows(0, batch * time).reshape([batch, time, hidden_size]);
    let hidden = rows(batch * time, batch);
    let cell_state = cell.has_memory().then(|| rows(batch * time + batch, batch));
    (outputs, LayerState { hidden, cell_state })
}

/// The arguments of [`RecurrentLayer::recurrent_layer`] that are not tensors.
#[derive(Clone, Debug)]
pub(crate) struct LayerOptions {
    cell: Cell,
    direction: Direction,
    lengths: Option<Arc<[usize]>>,
}

/// The burn operation that computes one layer in one direction over whole sequences.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub(crate) trait RecurrentLayer: Backend {
    /// Returns one matrix with `hidden` columns. Its rows are the outputs, `batch × time` rows, then the final hidden
    /// state, `batch` rows, and for an LSTM the final cell state, `batch` rows. They share one tensor because a node of
    /// the autodiff graph has one output.
    ///
    /// `input`: `[batch, time, input]`; `initial`: the initial hidden state and, for an LSTM, cell state,
    /// `[1 or 2, batch, hidden]`; the weights have the shapes of [`Weights`](crate::Weights).
    fn recurrent_layer(
        input: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: LayerOptions,
    ) -> FloatTensor<Self>;
}

impl RecurrentLayer for Flex {
    fn recurrent_layer(
        input: FlexTensor,
        weight_ih: FlexTensor,
        weight_hh: FlexTensor,
        bias_ih: FlexTensor,
        bias_hh: FlexTensor,
        initial: FlexTensor,
        options: LayerOptions,
    ) -> FlexTensor {
        Call::new([input, weight_ih, weight_hh, bias_ih, bias_hh, initial], options).forward(false).0
    }
}

/// Selects rows of the matrix that [`RecurrentLayer`] returns. The operation has its own gradient, because the gradient
/// of burn's slice copies the whole tensor several times.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
trait Rows: Backend {
    /// Returns the rows with the given indices of the matrix `all`: `[all rows, hidden]` → `[selected rows, hidden]`.
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self>;
}

impl Rows for Flex {
    fn rows(all: FlexTensor, rows: Range<usize>) -> FlexTensor {
        all.narrow(0, rows.start, rows.len())
    }
}

/// The arguments of one call of [`RecurrentLayer::recurrent_layer`]. The tensors are contiguous, so that the kernel can
/// read them as slices.
#[derive(Clone, Debug)]
struct Call {
    /// Input, input weights, recurrent weights, their two biases, and the initial states, in this order.
    inputs: [FlexTensor; 6],
    options: LayerOptions,
}

impl Call {
    fn new(inputs: [FlexTensor; 6], options: LayerOptions) -> Self {
        Self { inputs: inputs.map(|tensor| tensor.to_contiguous()), options }
    }

    fn args(&self) -> LayerArgs<'_> {
        let [input, weight_ih, weight_hh, bias_ih, bias_hh, initial] = self.inputs.each_ref().map(values);
        let [batch, time, input_size] = self.inputs[0].layout().shape().dims();
        let hidden_size = self.inputs[2].layout().shape()[1];
        let (initial_hidden, initial_cell) = initial.split_at(batch * hidden_size);
        let LayerOptions { cell, direction, ref lengths } = self.options;
        LayerArgs {
            cell,
            direction,
            batch,
            time,
            input_size,
            hidden_size,
            lengths: lengths.as_deref(),
            input,
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            initial_hidden,
            initial_cell,
        }
    }

    /// Runs the forward kernel. Returns the rows that [`RecurrentLayer`] documents and, if `keep` is true, the values
    /// that the backward pass needs.
    fn forward(&self, keep: bool) -> (FlexTensor, Option<Aligned>) {
        let args = self.args();
        let kernel::Forward { outputs, saved } = kernel::forward(&args, keep);
        let shape = [outputs.len() / args.hidden_size, args.hidden_size];
        (tensor(outputs, shape), saved)
    }
}

/// The values of a contiguous tensor of 32-bit floats, in row-major order.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    let Some(values) = tensor.as_slice() else {
        unreachable!("`has_kernels` accepts 32-bit floats only, and `Call::new` makes tensors contiguous")
    };
    values
}

pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
