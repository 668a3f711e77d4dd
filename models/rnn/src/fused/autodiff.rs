//! The gradients of [`RecurrentLayer`] and [`Rows`]: each of these operations is one node of the autodiff graph.

use std::ops::Range;

use burn::backend::Autodiff;
use burn::backend::TensorMetadata;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{LayerOptions, RecurrentKernel, RecurrentLayer, Rows, RowsGradient};

impl<B: RecurrentKernel, C: CheckpointStrategy> RecurrentLayer for Autodiff<B, C> {
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
        let inputs = inputs.map(|tensor| tensor.into_primitive());
        match <LayerBackward as Backward<B, 6>>::prepare::<C>(LayerBackward, nodes).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (outputs, saved) = B::outputs_and_saved(inputs, options);
                node.finish(saved, outputs)
            }
            OpsKind::UnTracked(node) => {
                let [input, weight_ih, weight_hh, bias_ih, bias_hh, initial] = inputs;
                node.finish(B::recurrent_layer(input, weight_ih, weight_hh, bias_ih, bias_hh, initial, options))
            }
        }
    }
}

#[derive(Debug)]
struct LayerBackward;

impl<B: RecurrentKernel> Backward<B, 6> for LayerBackward {
    type State = B::Saved;

    fn backward(self, ops: Ops<B::Saved, 6>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let d_outputs = gradients.consume::<B>(&ops.node);
        let [.., initial] = &ops.parents;
        let to_initial = initial.is_some();
        for (parent, gradient) in ops.parents.into_iter().zip(B::gradients(ops.state, d_outputs, to_initial)) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: RowsGradient, C: CheckpointStrategy> Rows for Autodiff<B, C> {
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self> {
        let node = all.node();
        let all = all.into_primitive();
        let shape = all.shape().dims();
        let selected = B::rows(all, rows.clone());
        match <RowsBackward as Backward<B, 1>>::prepare::<C>(RowsBackward, [node]).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((rows.start, shape), selected),
            OpsKind::UnTracked(node) => node.finish(selected),
        }
    }
}

#[derive(Debug)]
struct RowsBackward;

impl<B: RowsGradient> Backward<B, 1> for RowsBackward {
    /// The values that the backward pass needs: the index of the first selected row, and the shape `[rows, hidden]` of
    /// the tensor from which the rows were selected.
    type State = (usize, [usize; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (start, shape) = ops.state;
        let d_rows = gradients.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            gradients.register::<B>(parent.id, B::rows_gradient(d_rows, start, shape));
        }
    }
}
