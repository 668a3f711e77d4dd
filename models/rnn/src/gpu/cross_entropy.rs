//! Softmax and cross-entropy over many classes on a GPU, with one cube (thread block) per row.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Int, Shape, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, grid, indices, reducing_units};

/// Computes [`dense_cross_entropy`](crate::dense_cross_entropy) on a GPU for which [`has_kernels`](super::has_kernels)
/// returns true. The loss is larger than 1e38 if the target is not below the number of classes.
pub(crate) fn dense_cross_entropy(
    inputs: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as CubeCrossEntropy>::cube_cross_entropy(
        inputs.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        targets.into_dispatch(),
    ))
}

/// Linear layer, softmax and cross-entropy as one operation of a burn backend.
#[backend_extension(Cube: cfg(feature = "cube"), Autodiff: cfg(feature = "autodiff"))]
trait CubeCrossEntropy: Backend {
    /// Returns the loss of each row, `[rows]`, from inputs `[rows, features]`, weight `[classes, features]`, bias
    /// `[classes]` and target classes `[rows]`.
    fn cube_cross_entropy(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl CubeCrossEntropy for Cube {
    fn cube_cross_entropy(inputs: CubeTensor, weight: CubeTensor, bias: CubeTensor, targets: CubeTensor) -> CubeTensor {
        Call::new([inputs, weight, bias], targets).forward().0
    }
}

#[cfg(feature = "autodiff")]
mod autodiff {
    use burn::backend::Autodiff;
    use burn::backend::autodiff::checkpoint::base::Checkpointer;
    use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

    use super::*;

    impl<C: CheckpointStrategy> CubeCrossEntropy for Autodiff<Cube, C> {
        fn cube_cross_entropy(
            inputs: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            targets: IntTensor<Self>,
        ) -> FloatTensor<Self> {
            let tensors = [inputs, weight, bias];
            let nodes = tensors.each_ref().map(|tensor| tensor.node());
            let call = Call::new(tensors.map(|tensor| tensor.into_primitive()), targets);
            let (losses, saved) = call.forward();
            match <LossBackward as Backward<Cube, 3>>::prepare::<C>(LossBackward, nodes).compute_bound().stateful() {
                OpsKind::Tracked(node) => node.finish((call, saved), losses),
                OpsKind::UnTracked(node) => node.finish(losses),
            }
        }
    }

    #[derive(Debug)]
    struct LossBackward;

    impl Backward<Cube, 3> for LossBackward {
        type State = (Call, Saved);

        fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
            let (call, saved) = ops.state;
            let d_losses = gradients.consume::<Cube>(&ops.node);
            for (parent, gradient) in ops.parents.into_iter().zip(call.backward(saved, d_losses)) {
                if let Some(parent) = parent {
                    gradients.register::<Cube>(parent.id, gradient);
                }
            }
        }
    }
}

/// The arguments of one call, contiguous in memory: inputs, weight and bias of the linear layer, and the target
/// classes.
#[derive(Clone, Debug)]
struct Call {
    inputs: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    targets: CubeTensor,
}

/// The values that the forward pass saves for the backward pass.
#[derive(Clone, Debug)]
struct Saved {
    /// The products of inputs and weight, `[rows, classes]`, without the bias.
    products: CubeTensor,
    /// The logarithm of the sum of the exponentials of the logits (log-sum-exp) of each row, `[rows]`.
    log_sums: CubeTensor,
}

impl Call {
    fn new(tensors: [CubeTensor; 3], targets: CubeTensor) -> Self {
        let [inputs, weight, bias] = tensors.map(into_contiguous);
        Self { inputs, weight, bias, targets: indices(targets) }
    }

    fn dims(&self) -> [usize; 2] {
        let ([rows, _], [classes, _]) = (self.inputs.shape().dims(), self.weight.shape().dims());
        [rows, classes]
    }

    /// Returns the losses, `[rows]`, and the values that the backward pass needs.
    fn forward(&self) -> (CubeTensor, Saved) {
        let [rows, classes] = self.dims();
        let products = Cube::float_matmul(self.inputs.clone(), Cube::float_transpose(self.weight.clone()));
        let products = into_contiguous(products);
        let [losses, log_sums] = [(); 2].map(|()| empty(&products, [rows]));
        let units = reducing_units(&products.client);
        // SAFETY: the kernel reads and writes the values of `rows` rows.
        unsafe {
            losses_of_rows::launch_unchecked(
                &products.client,
                grid(rows),
                CubeDim::new_1d(units),
                products.clone().into_buffer_arg(),
                self.bias.clone().into_buffer_arg(),
                self.targets.clone().into_buffer_arg(),
                losses.clone().into_buffer_arg(),
                log_sums.clone().into_buffer_arg(),
                rows,
                classes,
                units as usize,
            );
        }
        (losses, Saved { products, log_sums })
    }

    /// Returns the gradients of inputs, weight and bias.
    fn backward(self, saved: Saved, d_losses: CubeTensor) -> [CubeTensor; 3] {
        let [rows, classes] = self.dims();
        let Saved { products, log_sums } = saved;
        let d_logits = if products.can_mut() { products } else { products.copy() };
        let units = super::units(&d_logits.client);
        // SAFETY: the kernel writes the first `rows × classes` values of `d_logits` only.
        unsafe {
            logit_gradients::launch_unchecked(
                &d_logits.client,
                grid((rows * classes).div_ceil(units as usize)),
                CubeDim::new_1d(units),
                d_logits.clone().into_buffer_arg(),
                self.bias.into_buffer_arg(),
                self.targets.into_buffer_arg(),
                log_sums.into_buffer_arg(),
                into_contiguous(d_losses).into_buffer_arg(),
                rows,
                classes,
            );
        }
        let d_inputs = Cube::float_matmul(d_logits.clone(), self.weight);
        let d_weight = Cube::float_matmul(Cube::float_transpose(d_logits.clone()), self.inputs);
        let d_bias = Cube::float_reshape(Cube::float_sum_dim(d_logits, 0), Shape::new([classes]));
        [d_inputs, d_weight, d_bias]
    }
}

/// Computes the loss of each row, and the logarithm of the sum of the exponentials of its logits (log-sum-exp).
#[cube(launch_unchecked)]
fn losses_of_rows(
    products: &[f32],
    bias: &[f32],
    targets: &[i32],
    losses: &mut [f32],
    log_sums: &mut [f32],
    rows: usize,
    classes: usize,
    #[comptime] units: usize,
) {
    let mut shared = Shared::new_slice(units);
    let unit = UNIT_POS_X as usize;
    let row = min(CUBE_POS, rows - 1);
    let first = row * classes;

    let mut largest = f32::new(-3.0e38f32);
    for class in range_stepped(unit, classes, units) {
        largest = max(largest, products[first + class] + bias[class]);
    }
    shared[unit] = largest;
    sync_cube();
    let mut largest = shared[0];
    for other in 1..units {
        largest = max(largest, shared[other]);
    }
    sync_cube();

    let mut sum = 0.0f32;
    for class in range_stepped(unit, classes, units) {
        sum += (products[first + class] + bias[class] - largest).exp();
    }
    shared[unit] = sum;
    sync_cube();
    if unit == 0 && CUBE_POS < rows {
        let mut sum = 0.0f32;
        for other in 0..units {
            sum += shared[other];
        }
        let log_sum = largest + sum.ln();
        let target = targets[row] as usize;
        let logit = if target < classes { products[first + target] + bias[target] } else { f32::new(-3.0e38f32) };
        log_sums[row] = log_sum;
        losses[row] = log_sum - logit;
    }
}

/// Replaces the products of inputs and weight by the gradients of the logits. Both have the shape `[rows, classes]`.
#[cube(launch_unchecked)]
fn logit_gradients(
    products: &mut [f32],
    bias: &[f32],
    targets: &[i32],
    log_sums: &[f32],
    d_losses: &[f32],
    rows: usize,
    classes: usize,
) {
    let index = ABSOLUTE_POS;
    if index < rows * classes {
        let row = index / classes;
        let class = index % classes;
        let probability = (products[index] + bias[class] - log_sums[row]).exp();
        let is_target = targets[row] as usize == class;
        products[index] = d_losses[row] * select(is_target, probability - 1.0f32, probability);
    }
}
