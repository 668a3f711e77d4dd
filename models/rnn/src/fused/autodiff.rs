//! The gradients of the fused operations: each operation is one node of the autodiff graph.
//!
//! Extension point for kernels on other backends: everything here is specific to burn's CPU backend [`Flex`], because
//! the saved activations are in host memory ([`Aligned`]). To support more backends, replace `Flex` below by a type
//! parameter with a trait `RecurrentKernel: Backend { type Saved; fn forward(…); fn backward(…); }`. `Fusion`, the
//! wrapper with which burn merges operations of GPU backends, needs an implementation of its own.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};

use super::{Call, LayerOptions, RecurrentLayer, Rows, tensor, values};
use crate::kernel::{self, Aligned};

impl<C: CheckpointStrategy> RecurrentLayer for Autodiff<Flex, C> {
    fn recurrent_layer(
        input: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: LayerOptions,
    ) -> FloatTensor<Self> {
        let inputs = [input, weight_ih, weight_hh, bias_ih, bias_hh, initial];
        let nodes = inputs.each_ref().map(|tensor| tensor.node());
        let call = Call::new(inputs.map(|tensor| tensor.into_primitive()), options);
        match LayerBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (outputs, saved) = call.forward(true);
                node.finish(SavedCall { call, outputs: outputs.clone(), saved: saved.map(Arc::new) }, outputs)
            }
            OpsKind::UnTracked(node) => node.finish(call.forward(false).0),
        }
    }
}

#[derive(Debug)]
struct LayerBackward;

/// The values that the backward pass of a layer needs: the arguments, the outputs and the activations saved by the
/// forward pass.
#[derive(Clone, Debug)]
struct SavedCall {
    call: Call,
    outputs: FlexTensor,
    saved: Option<Arc<Aligned>>,
}

impl Backward<Flex, 6> for LayerBackward {
    type State = SavedCall;

    fn backward(self, ops: Ops<SavedCall, 6>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let SavedCall { call, outputs, saved } = ops.state;
        let d_outputs = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let saved =
            saved.and_then(Arc::into_inner).unwrap_or_else(|| unreachable!("burn runs each node's backward once"));
        let grads = kernel::backward(&call.args(), saved, values(&outputs), values(&d_outputs));
        let all = [grads.input, grads.weight_ih, grads.weight_hh, grads.bias_ih, grads.bias_hh, grads.initial];
        for ((parent, like), values) in ops.parents.into_iter().zip(&call.inputs).zip(all) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(values, like.layout().shape().clone()));
            }
        }
    }
}

impl<C: CheckpointStrategy> Rows for Autodiff<Flex, C> {
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self> {
        let node = all.node();
        let all = all.into_primitive();
        let [count, size] = all.layout().shape().dims();
        let selected = Flex::rows(all, rows.clone());
        match RowsBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((rows.start, [count, size]), selected),
            OpsKind::UnTracked(node) => node.finish(selected),
        }
    }
}

#[derive(Debug)]
struct RowsBackward;

impl Backward<Flex, 1> for RowsBackward {
    /// The values that the backward pass needs: the index of the first selected row, and the shape `[rows, hidden]` of
    /// the tensor from which the rows were selected.
    type State = (usize, [usize; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (start, [count, size]) = ops.state;
        let d_rows = gradients.consume::<Flex>(&ops.node).to_contiguous();
        if let [Some(parent)] = ops.parents {
            let mut all = Vec::with_capacity(count * size);
            all.resize(start * size, 0.0);
            all.extend_from_slice(values(&d_rows));
            all.resize(count * size, 0.0);
            gradients.register::<Flex>(parent.id, tensor(all, [count, size]));
        }
    }
}
