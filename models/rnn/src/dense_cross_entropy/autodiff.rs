//! The gradient of [`dense_cross_entropy`](super::dense_cross_entropy), as one node of burn's autodiff graph.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};

use super::{Call, DenseCrossEntropy};
use crate::fused::{tensor, values};
use crate::kernel::softmax::{self, SavedLogits};

impl<C: CheckpointStrategy> DenseCrossEntropy for Autodiff<Flex, C> {
    fn dense_cross_entropy(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: Arc<[usize]>,
    ) -> FloatTensor<Self> {
        let tensors = [inputs, weight, bias];
        let nodes = tensors.each_ref().map(|tensor| tensor.node());
        let call = Call::new(tensors.map(|tensor| tensor.into_primitive()), targets);
        match DenseBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (losses, saved) = softmax::forward(call.dense());
                let losses = tensor(losses, [call.targets.len()]);
                node.finish((call, Arc::new(saved)), losses)
            }
            OpsKind::UnTracked(node) => node.finish(call.losses()),
        }
    }
}

#[derive(Debug)]
struct DenseBackward;

impl Backward<Flex, 3> for DenseBackward {
    type State = (Call, Arc<SavedLogits>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (call, saved) = ops.state;
        let d_losses = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let saved = Arc::into_inner(saved).unwrap_or_else(|| unreachable!("burn runs each node's backward once"));
        let grads = softmax::backward(call.dense(), saved, values(&d_losses));
        let all = [grads.inputs, grads.weight, grads.bias];
        for ((parent, like), values) in ops.parents.into_iter().zip(&call.tensors).zip(all) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(values, like.layout().shape().clone()));
            }
        }
    }
}
