//! A linear layer that is applied to every step of a batch of sequences.

#[cfg(feature = "autodiff")]
mod autodiff;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::fused::{has_kernels, tensor, values};
use crate::kernel::matrix::{Matrix, product};

/// Applies a linear layer to every step: `[batch, time, features]` → `[batch, time, outputs]`.
///
/// The result equals the result of `layer.forward(steps)` up to rounding. On burn's CPU backend `flex`, a layer with a
/// bias is one operation that uses all threads. The other steps in `steps` then do not change the result of a step, not
/// even its rounding. In all other cases, the function flattens batch and time to one dimension and calls
/// `layer.forward`. Without this flattening, burn 0.22 would compute one weight gradient per sequence and add up these
/// gradients, which is slower.
pub fn dense(layer: &Linear, steps: Tensor<3>) -> Tensor<3> {
    let [batch, time, features] = steps.dims();
    let [_, outputs] = layer.weight.dims();
    let rows = steps.reshape([batch * time, features]);
    let rows = match &layer.bias {
        Some(bias) if has_kernels(&rows.device(), &[rows.dtype(), layer.weight.dtype()]) => {
            Tensor::from_dispatch(<Dispatch as Dense>::dense(
                rows.into_dispatch(),
                layer.weight.val().into_dispatch(),
                bias.val().into_dispatch(),
            ))
        }
        _ => layer.forward(rows),
    }; // [B · T, outputs]
    rows.reshape([batch, time, outputs])
}

/// A linear layer as one operation of a burn backend.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
trait Dense: Backend {
    /// Returns `inputs · weight + bias`, `[rows, outputs]`, from inputs `[rows, features]`, weight
    /// `[features, outputs]` and bias `[outputs]`.
    fn dense(inputs: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Dense for Flex {
    fn dense(inputs: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let [inputs, weight, bias] = [inputs, weight, bias].map(|tensor| tensor.to_contiguous());
        let outputs = product(matrix(&inputs), matrix(&weight), Some(values(&bias)));
        tensor(outputs, [inputs.layout().shape()[0], weight.layout().shape()[1]])
    }
}

/// Returns a contiguous tensor with two dimensions as a matrix for the CPU kernels.
fn matrix(tensor: &FlexTensor) -> Matrix<'_> {
    Matrix::new(values(tensor), tensor.layout().shape()[1])
}

#[cfg(test)]
#[cfg(feature = "autodiff")] // the test compares gradients
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;
    use crate::test_values::Draw;

    fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn kernel_and_burn_agree() {
        let device = Device::flex().autodiff();
        let mut draw = Draw::new(1, &device);
        for [batch, time, features, outputs] in [[32, 1, 1, 1], [5, 7, 3, 40], [9, 100, 48, 130], [2, 20, 200, 9]] {
            let layer = LinearConfig::new(features, outputs).init(&device);
            let steps = draw.tensor([batch, time, features]);
            let factors = draw.tensor([batch, time, outputs]);
            let forms: [fn(&Linear, Tensor<3>) -> Tensor<3>; 2] = [dense, |layer, steps| layer.forward(steps)];
            let [kernel, burn] = forms.map(|form| {
                let steps = steps.clone().require_grad();
                let results = form(&layer, steps.clone());
                let gradients = (results.clone() * factors.clone()).sum().backward();
                let bias = layer.bias.as_ref().unwrap().grad(&gradients).unwrap();
                let weight = layer.weight.grad(&gradients).unwrap();
                [to_vec(results), to_vec(steps.grad(&gradients).unwrap()), to_vec(weight), to_vec(bias)]
            });
            for (kernel, burn) in kernel.iter().zip(&burn) {
                let largest = burn.iter().fold(1.0, |largest: f32, value| largest.max(value.abs()));
                let error = kernel.iter().zip(burn).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
                assert!(error <= 3e-6 * largest, "{batch} {time} {features} {outputs}: {error} of {largest}");
            }
        }
    }
}
