//! The cost of a choice among many classes, such as the next word.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use crate::fused::{has_kernels, tensor, values};
use crate::kernel::softmax::{self, Rows, Sums};

/// The cross-entropy of a softmax, row by row: `ln Σ exp(score) − score of the right class`, in nats.
///
/// On `flex` it is one operation that goes over the scores once each way; elsewhere it is composed of burn's.
///
/// # Shapes
///
/// - scores: `[rows, classes]`, before the softmax
/// - targets: `[rows]`, the right classes, from 0
/// - output: `[rows]`; its mean is the loss of a language model, and `exp` of the mean the perplexity
///
/// # Panics
///
/// If there are not as many targets as rows, or a target is not below `classes`.
pub fn cross_entropy(scores: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [rows, classes] = scores.dims();
    assert_eq!(targets.dims(), [rows], "cross_entropy: one target a row of scores");
    if !has_kernels(&scores.device(), &[scores.dtype()]) {
        return composed(scores, targets);
    }
    let targets: Arc<[usize]> = targets.into_data().iter::<i64>().map(|target| target as usize).collect();
    assert!(targets.iter().all(|&target| target < classes), "cross_entropy: targets are below {classes}");
    let costs = <Dispatch as CrossEntropy>::cross_entropy(scores.into_dispatch(), targets);
    Tensor::from_dispatch(costs)
}

/// [`cross_entropy`], composed of operations of burn.
fn composed(scores: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let rows = targets.dims()[0];
    log_softmax(scores, 1).gather(1, targets.reshape([rows, 1])).squeeze_dim::<1>(1).neg()
}

/// The cross-entropies of rows of scores.
#[backend_extension(Flex, Autodiff)]
trait CrossEntropy: Backend {
    /// `[N, classes]` and `[N]` → `[N]`.
    fn cross_entropy(scores: FloatTensor<Self>, targets: Arc<[usize]>) -> FloatTensor<Self>;
}

impl CrossEntropy for Flex {
    fn cross_entropy(scores: FlexTensor, targets: Arc<[usize]>) -> FlexTensor {
        Call { scores: scores.to_contiguous(), targets }.forward().0
    }
}

impl<C: CheckpointStrategy> CrossEntropy for Autodiff<Flex, C> {
    fn cross_entropy(scores: FloatTensor<Self>, targets: Arc<[usize]>) -> FloatTensor<Self> {
        let node = scores.node();
        let call = Call { scores: scores.into_primitive().to_contiguous(), targets };
        match CrossEntropyBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (costs, sums) = call.forward();
                node.finish((call, sums), costs)
            }
            OpsKind::UnTracked(node) => node.finish(call.forward().0),
        }
    }
}

#[derive(Clone, Debug)]
struct Call {
    scores: FlexTensor,
    targets: Arc<[usize]>,
}

impl Call {
    fn rows(&self) -> Rows<'_> {
        Rows { scores: values(&self.scores), classes: self.scores.layout().shape()[1], targets: &self.targets }
    }

    /// The cross-entropies, and what the way back needs.
    fn forward(&self) -> (FlexTensor, Sums) {
        let (costs, sums) = softmax::forward(self.rows());
        (tensor(costs, [self.targets.len()]), sums)
    }
}

#[derive(Debug)]
struct CrossEntropyBackward;

impl Backward<Flex, 1> for CrossEntropyBackward {
    type State = (Call, Sums);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (call, sums) = ops.state;
        let given = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let d_scores = softmax::backward(call.rows(), &sums, values(&given));
        if let [Some(parent)] = ops.parents {
            gradients.register::<Flex>(parent.id, tensor(d_scores, call.scores.layout().shape().clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// Costs and gradients of scores, with costs weighed differently.
    fn both(scores: &Tensor<2>, targets: &Tensor<1, Int>) -> [(Vec<f32>, Vec<f32>); 2] {
        let weights = Tensor::<1, Int>::arange(1..scores.dims()[0] as i64 + 1, &scores.device()).float();
        [cross_entropy, composed].map(|costs| {
            let scores = scores.clone().require_grad();
            let costs = costs(scores.clone(), targets.clone());
            let gradients = (costs.clone() * weights.clone()).sum().backward();
            let gradient = scores.grad(&gradients).unwrap();
            (costs.into_data().try_to_vec().unwrap(), gradient.into_data().try_to_vec().unwrap())
        })
    }

    #[test]
    fn kernel_and_composed_form_agree() {
        let device = Device::flex().autodiff();
        // Of few classes and of many, no multiples of a vector; one row, and rows for several threads.
        for [rows, classes] in [[1, 2], [5, 33], [40, 10_007]] {
            let scores = Tensor::random([rows, classes], Distribution::Normal(0.0, 5.0), &device);
            let targets = Tensor::<1, Int>::arange(0..rows as i64, &device).remainder_scalar(classes as i64);
            let [(costs, gradients), (costs_composed, gradients_composed)] = both(&scores, &targets);
            for (a, b) in costs.iter().chain(&gradients).zip(costs_composed.iter().chain(&gradients_composed)) {
                assert!((a - b).abs() <= 2e-6 * (1.0 + b.abs()), "{a} {b}, {classes} classes");
            }
        }
    }

    #[test]
    fn large_scores_neither_overflow_nor_vanish() {
        let device = Device::flex().autodiff();
        let scores = Tensor::<2>::from_floats([[1e4, 0.0, 0.0], [-1e4, -1e4, -1e4]], &device);
        let [(costs, gradients), _] = both(&scores, &Tensor::from_ints([1, 2], &device));
        assert_eq!(costs, [1e4, 3f32.ln()]);
        assert!((gradients[0] - 1.0).abs() < 1e-6 && (gradients[1] + 1.0).abs() < 1e-6, "{gradients:?}");
    }

    #[test]
    #[should_panic(expected = "targets are below 3")]
    fn a_target_beyond_the_classes_is_refused() {
        let device = Device::flex();
        cross_entropy(Tensor::zeros([1, 3], &device), Tensor::from_ints([3], &device));
    }
}
