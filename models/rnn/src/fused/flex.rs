//! A recurrent layer on burn's CPU backend `flex`, computed by [`kernel`].

use std::ops::Range;
#[cfg(feature = "autodiff")]
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

#[cfg(feature = "autodiff")]
use super::RecurrentKernel;
use super::{LayerOptions, RecurrentLayer, Rows};
use crate::kernel::{self, Aligned, LayerArgs};

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

impl Rows for Flex {
    fn rows(all: FlexTensor, rows: Range<usize>) -> FlexTensor {
        all.narrow(0, rows.start, rows.len())
    }
}

#[cfg(feature = "autodiff")]
impl RecurrentKernel for Flex {
    type Saved = Saved;

    fn outputs_and_saved(inputs: [FlexTensor; 6], options: LayerOptions) -> (FlexTensor, Saved) {
        let call = Call::new(inputs, options);
        let (outputs, activations) = call.forward(true);
        (outputs.clone(), Saved { call, outputs, activations: activations.map(Arc::new) })
    }

    fn gradients(saved: Saved, d_outputs: FlexTensor, to_initial: bool) -> [FlexTensor; 6] {
        let Saved { call, outputs, activations } = saved;
        let activations = activations
            .and_then(Arc::into_inner)
            .unwrap_or_else(|| unreachable!("burn runs each node's backward once"));
        let d_outputs = d_outputs.to_contiguous();
        let grads = kernel::backward(&call.args(), activations, values(&outputs), values(&d_outputs), to_initial);
        let all = [grads.input, grads.weight_ih, grads.weight_hh, grads.bias_ih, grads.bias_hh, grads.initial];
        let shapes = call.inputs.each_ref().map(|input| input.layout().shape().clone());
        let mut shapes = shapes.into_iter();
        all.map(|gradient| {
            let Some(shape) = shapes.next() else { unreachable!("both arrays have six elements") };
            tensor(gradient, shape)
        })
    }
}

#[cfg(feature = "autodiff")]
impl super::RowsGradient for Flex {
    fn rows_gradient(d_rows: FlexTensor, start: usize, [count, size]: [usize; 2]) -> FlexTensor {
        let d_rows = d_rows.to_contiguous();
        let mut all = Vec::with_capacity(count * size);
        all.resize(start * size, 0.0);
        all.extend_from_slice(values(&d_rows));
        all.resize(count * size, 0.0);
        tensor(all, [count, size])
    }
}

/// The values that the backward pass of a layer needs: the arguments, the outputs and the activations of the forward
/// pass.
#[derive(Clone, Debug)]
#[cfg(feature = "autodiff")]
pub(crate) struct Saved {
    call: Call,
    outputs: FlexTensor,
    activations: Option<Arc<Aligned>>,
}

/// The arguments of one call of [`RecurrentLayer::recurrent_layer`]. The tensors are contiguous, so that the kernel can
/// read them as slices.
#[derive(Clone, Debug)]
struct Call {
    /// Input, input weights, recurrent weights, input bias, recurrent bias and initial states, in this order.
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
        let LayerOptions { cell, direction, ref lengths, .. } = self.options;
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
            packed: None,
            initial_hidden,
            initial_cell,
        }
    }

    /// Runs the forward kernel. Returns the matrix that [`RecurrentLayer::recurrent_layer`] returns and, if `keep` is
    /// true, the values that the backward pass needs.
    fn forward(&self, keep: bool) -> (FlexTensor, Option<Aligned>) {
        let args = self.args();
        let [_, weight_ih, weight_hh, ..] = &self.inputs;
        // If `keep` is true, the network is in training and its weights change after every training step, so the cache
        // of packed weights is not used.
        let packed = if keep { None } else { self.options.packed.of(args.cell, [weight_ih, weight_hh]) };
        let args = LayerArgs { packed: packed.as_ref().map(|packed| &packed.matrices), ..args };
        let kernel::Forward { outputs, saved } = kernel::forward(&args, keep);
        let shape = [outputs.len() / args.hidden_size, args.hidden_size];
        (tensor(outputs, shape), saved)
    }
}

/// Returns the values of a contiguous tensor of 32-bit floats, in row-major order.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    let Some(values) = tensor.as_slice() else {
        unreachable!("`has_kernels` accepts 32-bit floats only, and `Call::new` makes tensors contiguous")
    };
    values
}

pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
