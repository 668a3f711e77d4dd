//! The gradient of [`dense`](super::dense), as one node of burn's autodiff graph.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};

use super::{Dense, matrix};
use crate::fused::{tensor, values};
use crate::kernel::matrix::{product, sum_of_rows};

impl<C: CheckpointStrategy> Dense for Autodiff<Flex, C> {
    fn dense(inputs: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [&inputs, &weight, &bias].map(|tensor| tensor.node());
        let [inputs, weight, bias] = [inputs, weight, bias].map(|tensor| tensor.into_primitive().to_contiguous());
        let outputs = Flex::dense(inputs.clone(), weight.clone(), bias);
        match DenseBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish([inputs, weight], outputs),
            OpsKind::UnTracked(node) => node.finish(outputs),
        }
    }
}

#[derive(Debug)]
struct DenseBackward;

impl Backward<Flex, 3> for DenseBackward {
    /// The inputs, `[rows, features]`, and the weight, `[features, outputs]`.
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [inputs, weight] = ops.state;
        let d_outputs = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let [of_inputs, of_weight, of_bias] = ops.parents;
        if let Some(parent) = of_inputs {
            let d_inputs = product(matrix(&d_outputs), matrix(&weight).transposed(), None);
            gradients.register::<Flex>(parent.id, tensor(d_inputs, inputs.layout().shape().clone()));
        }
        if let Some(parent) = of_weight {
            let d_weight = product(matrix(&inputs).transposed(), matrix(&d_outputs), None);
            gradients.register::<Flex>(parent.id, tensor(d_weight, weight.layout().shape().clone()));
        }
        if let Some(parent) = of_bias {
            let columns = weight.layout().shape()[1];
            gradients.register::<Flex>(parent.id, tensor(sum_of_rows(values(&d_outputs), columns), [columns]));
        }
    }
}
