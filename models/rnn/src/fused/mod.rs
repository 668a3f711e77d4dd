//! A recurrent layer in one direction as one burn operation on the CPU. The operation on GPUs is in the module `gpu`.
//!
//! | file | contents |
//! |---|---|
//! | `flex.rs` | the operation on the CPU (backend `flex`), computed by [`kernel`](crate::kernel) |
//! | `autodiff.rs` | the operation on the CPU as one node of the autodiff graph (feature `autodiff`) |
//!
//! Backends without such an operation on the CPU or GPU use [`composed`](crate::scan::composed).

#[cfg(feature = "autodiff")]
mod autodiff;
mod flex;

#[cfg(feature = "autodiff")]
use std::fmt::Debug;
use std::ops::Range;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{DType, Device, Tensor};

pub(crate) use self::flex::{tensor, values};
use crate::Cell;
use crate::lengths::Lengths;
use crate::packed::Kept;
use crate::scan::{Direction, LayerState, ScanInput};

/// Returns whether the CPU kernels can compute one layer in one direction: input, weights and initial state must be
/// 32-bit floats on burn's CPU backend `flex`.
pub(crate) fn supports(scan: &ScanInput) -> bool {
    let ScanInput { input, weights, initial, .. } = scan;
    has_kernels(&input.device(), &[input.dtype(), weights.weight_hh.dtype(), initial.hidden.dtype()])
}

/// Returns whether this crate has CPU kernels for tensors of the given types on the device.
pub(crate) fn has_kernels(device: &Device, types: &[DType]) -> bool {
    let on_flex = matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_));
    on_flex && kernels_apply(device, types)
}

/// Returns whether all tensors are 32-bit floats and, on an autodiff device, the kernels have a gradient.
///
/// Another crate can enable burn's autodiff without this crate's feature `autodiff`. The kernels then have no gradient,
/// so autodiff devices use burn's tensor operations.
pub(crate) fn kernels_apply(device: &Device, types: &[DType]) -> bool {
    (cfg!(feature = "autodiff") || !device.is_autodiff()) && types.iter().all(|&dtype| dtype == DType::F32)
}

/// Processes all steps of a layer in one direction with a kernel. The arguments and the results are those of
/// [`scan`](crate::scan::scan).
pub(crate) fn scan(scan: ScanInput) -> (Tensor<3>, LayerState) {
    let ScanInput { cell, direction, input, weights, initial, lengths } = scan;
    let [batch, time, _] = input.dims();
    let hidden_size = weights.hidden_size();
    let LayerState { hidden, cell_state } = initial;
    let states = std::iter::once(hidden).chain(cell_state).collect::<Vec<_>>();
    let initial: Tensor<3> = Tensor::stack(states, 0); // [1 or 2, B, H]
    let options = LayerOptions { cell, direction, lengths: lengths.cloned(), packed: weights.packed };
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
    /// The length of each sequence, `[batch]`; `None` if there is no padding.
    lengths: Option<Lengths>,
    /// The cache of packed weights (weights in the memory layout of the CPU kernels).
    packed: Kept,
}

/// The burn operation that computes one layer in one direction over whole sequences.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub(crate) trait RecurrentLayer: Backend {
    /// Returns one matrix with `hidden` columns: first the outputs, `batch × time` rows, then the final hidden states,
    /// `batch` rows, and for an LSTM the final cell states, `batch` rows. All results are in one tensor, because a node
    /// of the autodiff graph has one output.
    ///
    /// `input`: `[batch, time, input]`; `initial`: the initial hidden states and, for an LSTM, the initial cell states,
    /// `[1 or 2, batch, hidden]`. The weights and biases have the shapes of [`Weights`](crate::Weights).
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

/// Selects rows of the matrix that [`RecurrentLayer::recurrent_layer`] or its counterpart on GPUs returns. The
/// operation has its own gradient, because the gradient of burn's slice operation copies the whole tensor several
/// times.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), Autodiff: cfg(feature = "autodiff"))]
pub(crate) trait Rows: Backend {
    /// Returns the rows with the given indices of the matrix `all`: `[all rows, hidden]` → `[selected rows, hidden]`.
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self>;
}

/// The forward pass of [`RecurrentLayer`] that saves values for the backward pass, and the backward pass.
#[cfg(feature = "autodiff")]
pub(crate) trait RecurrentKernel: RecurrentLayer {
    /// The values that the forward pass saves for the backward pass.
    type Saved: Clone + Debug + Send + 'static;

    /// Runs the forward pass like [`RecurrentLayer::recurrent_layer`], and saves the values that the backward pass
    /// needs. `inputs` are the tensor arguments of `recurrent_layer`, in the same order.
    fn outputs_and_saved(inputs: [FloatTensor<Self>; 6], options: LayerOptions) -> (FloatTensor<Self>, Self::Saved);

    /// Returns the gradients of the tensors `inputs` of the forward pass, from the gradient of the matrix that the
    /// forward pass has returned. If `to_initial` is false, the gradient of the initial states has no meaning.
    fn gradients(saved: Self::Saved, d_outputs: FloatTensor<Self>, to_initial: bool) -> [FloatTensor<Self>; 6];
}

/// The gradient of [`Rows`].
#[cfg(feature = "autodiff")]
pub(crate) trait RowsGradient: Rows {
    /// Returns the gradient of [`Rows::rows`]: places `d_rows` at the row `start` of a matrix of zeros with the given
    /// shape.
    fn rows_gradient(d_rows: FloatTensor<Self>, start: usize, shape: [usize; 2]) -> FloatTensor<Self>;
}
