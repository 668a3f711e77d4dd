//! Linear layer, softmax and cross-entropy loss over many classes, such as the words of a vocabulary.

#[cfg(feature = "autodiff")]
mod autodiff;

use std::sync::Arc;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use crate::fused::{has_kernels, tensor, values};
use crate::kernel::softmax::{self, Dense};

/// Computes a linear layer, softmax and cross-entropy: one loss per row, in nats. With
/// `logits = inputs · weightᵀ + bias`, the loss is `ln Σ exp(logit) − logit of the target class`. In a language model,
/// the mean of the losses is the training loss, and `exp` of the mean is the perplexity.
///
/// On burn's CPU backend `flex` and on GPUs, this is one operation, in which the gradients of the logits overwrite the
/// logits in memory. On other backends, the function consists of burn's tensor operations.
///
/// # Shapes
///
/// - inputs: `[rows, features]`
/// - weight: `[classes, features]`, as in PyTorch; the weight matrix of burn's `Linear` is the transpose
/// - bias: `[classes]`
/// - targets: `[rows]`, class indices from 0
/// - output: `[rows]`
///
/// # Panics
///
/// If the shapes do not match. On `flex`, also if a target is not below `classes`, and in the backward pass if there
/// are no rows. On GPUs, a target that is not below `classes` does not cause a panic; its loss is larger than 1e38.
pub fn dense_cross_entropy(
    inputs: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    let ([rows, features], [classes, width]) = (inputs.dims(), weight.dims());
    assert!(
        features == width && bias.dims() == [classes] && targets.dims() == [rows],
        "dense_cross_entropy: shapes do not match: inputs [{rows}, {features}], weight [{classes}, {width}], bias \
         {:?}, targets {:?}; expected [rows, features], [classes, features], [classes] and [rows]",
        bias.dims(),
        targets.dims()
    );
    let types = [inputs.dtype(), weight.dtype(), bias.dtype()];
    #[cfg(feature = "cube")]
    if crate::gpu::has_kernels(&inputs.device(), &types) {
        return crate::gpu::cross_entropy::dense_cross_entropy(inputs, weight, bias, targets);
    }
    if !has_kernels(&inputs.device(), &types) {
        return composed(inputs, weight, bias, targets);
    }
    let targets: Arc<[usize]> = targets.into_data().iter::<i64>().map(|target| target as usize).collect();
    assert!(
        targets.iter().all(|&target| target < classes),
        "dense_cross_entropy: targets must be below the number of classes, {classes}"
    );
    let losses = <Dispatch as DenseCrossEntropy>::dense_cross_entropy(
        inputs.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        targets,
    );
    Tensor::from_dispatch(losses)
}

/// Computes [`dense_cross_entropy`] with burn's tensor operations, on backends without a kernel for it.
fn composed(inputs: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, targets: Tensor<1, Int>) -> Tensor<1> {
    let rows = targets.dims()[0];
    let logits = inputs.matmul(weight.transpose()) + bias.unsqueeze(); // [N, classes]
    log_softmax(logits, 1).gather(1, targets.reshape([rows, 1])).squeeze_dim::<1>(1).neg()
}

/// Linear layer, softmax and cross-entropy as one operation of a burn backend.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
trait DenseCrossEntropy: Backend {
    /// Returns the loss of each row, `[rows]`, from inputs `[rows, features]`, weight `[classes, features]`, bias
    /// `[classes]` and target classes `[rows]`.
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
        Call::new([inputs, weight, bias], targets).losses()
    }
}

/// The arguments of one call of [`DenseCrossEntropy::dense_cross_entropy`]. The tensors are contiguous, so that the
/// kernel can read them as slices.
#[derive(Clone, Debug)]
struct Call {
    /// Inputs `[rows, features]`, weight `[classes, features]` and bias `[classes]`, in this order.
    tensors: [FlexTensor; 3],
    /// The target class of each row, `[rows]`.
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

    /// Computes the loss of each row, `[rows]`, without saving the logits for a backward pass.
    fn losses(&self) -> FlexTensor {
        tensor(softmax::losses(self.dense()), [self.targets.len()])
    }
}

#[cfg(test)]
#[cfg(feature = "autodiff")] // the tests compare gradients
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::test_values::Draw;

    type Loss = fn(Tensor<2>, Tensor<2>, Tensor<1>, Tensor<1, Int>) -> Tensor<1>;

    fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// The losses, and the gradients of a weighted sum of the losses with respect to inputs, weight and bias.
    fn results(
        loss: Loss,
        inputs: &Tensor<2>,
        weight: &Tensor<2>,
        bias: &Tensor<1>,
        targets: &Tensor<1, Int>,
    ) -> [Vec<f32>; 4] {
        let weights = Tensor::<1, Int>::arange(1..inputs.dims()[0] as i64 + 1, &inputs.device()).float();
        let [inputs, weight] = [inputs, weight].map(|tensor| tensor.clone().require_grad());
        let bias = bias.clone().require_grad();
        let losses = loss(inputs.clone(), weight.clone(), bias.clone(), targets.clone());
        let gradients = (losses.clone() * weights).sum().backward();
        let [d_inputs, d_weight] = [inputs, weight].map(|tensor| to_vec(tensor.grad(&gradients).unwrap()));
        [to_vec(losses), d_inputs, d_weight, to_vec(bias.grad(&gradients).unwrap())]
    }

    #[test]
    fn kernel_and_composed_form_agree() {
        let device = Device::flex().autodiff();
        let mut draw = Draw::new(1, &device);
        // Few and many classes, no multiples of a vector; a single row, and enough rows for several threads and blocks.
        for [rows, features, classes] in [[1, 1, 2], [5, 7, 33], [40, 19, 10_007], [1200, 3, 35]] {
            let inputs = draw.tensor([rows, features]) * 2.0;
            let weight = draw.tensor([classes, features]) * 2.0;
            let bias = draw.tensor([classes]) * 2.0;
            let targets = Tensor::<1, Int>::arange(0..rows as i64, &device).remainder_scalar(classes as i64);
            let both =
                [dense_cross_entropy as Loss, composed].map(|loss| results(loss, &inputs, &weight, &bias, &targets));
            for (one, other) in both[0].iter().zip(&both[1]) {
                let largest = other.iter().copied().fold(1.0, |largest: f32, value| largest.max(value.abs()));
                let error = one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
                // Logits near 60 have a rounding error of 4e-6, which is the relative error of their exponentials.
                assert!(
                    error <= 1e-5 * largest,
                    "error {error}, largest value {largest}: {rows} rows, {classes} classes"
                );
            }
            let untracked = dense_cross_entropy(inputs.inner(), weight.inner(), bias.inner(), targets.inner());
            assert_eq!(to_vec(untracked), both[0][0]);
        }
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        let device = Device::flex().autodiff();
        let inputs = Tensor::<2>::from_floats([[1e4, 0.0, 0.0], [-1e4, -1e4, -1e4]], &device);
        let targets = Tensor::from_ints([1, 2], &device);
        let weight = Tensor::eye(3, &device);
        let [losses, d_inputs, ..] =
            results(dense_cross_entropy, &inputs, &weight, &Tensor::zeros([3], &device), &targets);
        assert_eq!(losses, [1e4, 3f32.ln()]);
        assert!((d_inputs[0] - 1.0).abs() < 1e-6 && (d_inputs[1] + 1.0).abs() < 1e-6, "{d_inputs:?}");
    }

    #[test]
    #[should_panic(expected = "targets must be below the number of classes, 3")]
    fn a_target_beyond_the_classes_panics() {
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
