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
use crate::kernel::softmax::{self, Dense, Kept};

/// A dense layer, a softmax over its classes, and their cross-entropy row by row, in nats: with
/// `scores = inputs · weightᵀ + bias`, `ln Σ exp(score) − score of the right class`.
///
/// On `flex` it is one operation that goes over the scores once each way and keeps them once; elsewhere it is composed of
/// burn's. The mean of what comes out is the loss of a language model, and `exp` of the mean its perplexity.
///
/// # Shapes
///
/// - inputs: `[rows, features]`
/// - weight: `[classes, features]`, as PyTorch's
/// - bias: `[classes]`
/// - targets: `[rows]`, the right classes, from 0
/// - output: `[rows]`
///
/// # Panics
///
/// If the shapes do not fit; on `flex` also if a target is not below `classes`.
pub fn dense_cross_entropy(
    inputs: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    let ([rows, features], [classes, width]) = (inputs.dims(), weight.dims());
    assert!(
        features == width && bias.dims() == [classes] && targets.dims() == [rows],
        "dense_cross_entropy: inputs [{rows}, {features}], weight [{classes}, {width}], bias {:?} and targets {:?}",
        bias.dims(),
        targets.dims()
    );
    if !has_kernels(&inputs.device(), &[inputs.dtype(), weight.dtype(), bias.dtype()]) {
        return composed(inputs, weight, bias, targets);
    }
    let targets: Arc<[usize]> = targets.into_data().iter::<i64>().map(|target| target as usize).collect();
    assert!(targets.iter().all(|&target| target < classes), "dense_cross_entropy: targets are below {classes}");
    let costs = <Dispatch as DenseCrossEntropy>::dense_cross_entropy(
        inputs.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        targets,
    );
    Tensor::from_dispatch(costs)
}

/// [`dense_cross_entropy`], composed of operations of burn.
fn composed(inputs: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, targets: Tensor<1, Int>) -> Tensor<1> {
    let rows = targets.dims()[0];
    let scores = inputs.matmul(weight.transpose()) + bias.unsqueeze(); // [N, classes]
    log_softmax(scores, 1).gather(1, targets.reshape([rows, 1])).squeeze_dim::<1>(1).neg()
}

/// The cross-entropies of a dense layer's rows.
#[backend_extension(Flex, Autodiff)]
trait DenseCrossEntropy: Backend {
    /// `[N, features]`, `[classes, features]`, `[classes]` and `[N]` → `[N]`.
    fn dense_cross_entropy(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: Arc<[usize]>,
    ) -> FloatTensor<Self>;
}

impl DenseCrossEntropy for Flex {
    fn dense_cross_entropy(
        inputs: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        targets: Arc<[usize]>,
    ) -> FlexTensor {
        let call = Call::new([inputs, weight, bias], targets);
        tensor(softmax::costs(call.dense()), [call.targets.len()])
    }
}

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
                let (costs, kept) = softmax::forward(call.dense());
                let costs = tensor(costs, [call.targets.len()]);
                node.finish((call, Arc::new(kept)), costs)
            }
            OpsKind::UnTracked(node) => {
                let costs = softmax::costs(call.dense());
                node.finish(tensor(costs, [call.targets.len()]))
            }
        }
    }
}

/// The tensors, laid out as the kernel reads them.
#[derive(Clone, Debug)]
struct Call {
    /// Inputs, weight and bias.
    tensors: [FlexTensor; 3],
    targets: Arc<[usize]>,
}

impl Call {
    fn new(tensors: [FlexTensor; 3], targets: Arc<[usize]>) -> Self {
        Self { tensors: tensors.map(|tensor| tensor.to_contiguous()), targets }
    }

    fn dense(&self) -> Dense<'_> {
        let [inputs, weight, bias] = self.tensors.each_ref().map(values);
        Dense { inputs, weight, bias, targets: &self.targets }
    }
}

#[derive(Debug)]
struct DenseBackward;

impl Backward<Flex, 3> for DenseBackward {
    type State = (Call, Arc<Kept>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (call, kept) = ops.state;
        let given = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let kept = Arc::into_inner(kept).unwrap_or_else(|| unreachable!("a node goes back once"));
        let back = softmax::backward(call.dense(), kept, values(&given));
        let all = [back.inputs, back.weight, back.bias];
        for ((parent, like), values) in ops.parents.into_iter().zip(&call.tensors).zip(all) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(values, like.layout().shape().clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    type Costs = fn(Tensor<2>, Tensor<2>, Tensor<1>, Tensor<1, Int>) -> Tensor<1>;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// Costs, weighed differently, and the gradients of inputs, weight and bias.
    fn results(
        costs: Costs,
        inputs: &Tensor<2>,
        weight: &Tensor<2>,
        bias: &Tensor<1>,
        targets: &Tensor<1, Int>,
    ) -> [Vec<f32>; 4] {
        let weights = Tensor::<1, Int>::arange(1..inputs.dims()[0] as i64 + 1, &inputs.device()).float();
        let [inputs, weight] = [inputs, weight].map(|tensor| tensor.clone().require_grad());
        let bias = bias.clone().require_grad();
        let costs = costs(inputs.clone(), weight.clone(), bias.clone(), targets.clone());
        let gradients = (costs.clone() * weights).sum().backward();
        let [d_inputs, d_weight] = [inputs, weight].map(|tensor| numbers(tensor.grad(&gradients).unwrap()));
        [numbers(costs), d_inputs, d_weight, numbers(bias.grad(&gradients).unwrap())]
    }

    #[test]
    fn kernel_and_composed_form_agree() {
        let device = Device::flex().autodiff();
        // Of few classes and of many, no multiples of a vector; one row, and rows for several threads and blocks.
        for [rows, features, classes] in [[1, 1, 2], [5, 7, 33], [40, 19, 10_007], [1200, 3, 35]] {
            let normal = Distribution::Normal(0.0, 2.0);
            let inputs = Tensor::random([rows, features], normal, &device);
            let weight = Tensor::random([classes, features], normal, &device);
            let bias = Tensor::random([classes], normal, &device);
            let targets = Tensor::<1, Int>::arange(0..rows as i64, &device).remainder_scalar(classes as i64);
            let both =
                [dense_cross_entropy as Costs, composed].map(|costs| results(costs, &inputs, &weight, &bias, &targets));
            for (one, other) in both[0].iter().zip(&both[1]) {
                let largest = other.iter().copied().fold(1.0, |largest: f32, value| largest.max(value.abs()));
                let error = one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
                assert!(error <= 3e-6 * largest, "{error} of {largest}: {rows} rows, {classes} classes");
            }
            let unkept = dense_cross_entropy(inputs.inner(), weight.inner(), bias.inner(), targets.inner());
            assert_eq!(numbers(unkept), both[0][0]);
        }
    }

    #[test]
    fn large_scores_neither_overflow_nor_vanish() {
        let device = Device::flex().autodiff();
        let inputs = Tensor::<2>::from_floats([[1e4, 0.0, 0.0], [-1e4, -1e4, -1e4]], &device);
        let targets = Tensor::from_ints([1, 2], &device);
        let weight = Tensor::eye(3, &device);
        let [costs, d_inputs, ..] =
            results(dense_cross_entropy, &inputs, &weight, &Tensor::zeros([3], &device), &targets);
        assert_eq!(costs, [1e4, 3f32.ln()]);
        assert!((d_inputs[0] - 1.0).abs() < 1e-6 && (d_inputs[1] + 1.0).abs() < 1e-6, "{d_inputs:?}");
    }

    #[test]
    #[should_panic(expected = "targets are below 3")]
    fn a_target_beyond_the_classes_is_refused() {
        let device = Device::flex();
        let weight = Tensor::zeros([3, 2], &device);
        dense_cross_entropy(
            Tensor::zeros([1, 2], &device),
            weight,
            Tensor::zeros([3], &device),
            Tensor::from_ints([3], &device),
        );
    }
}
