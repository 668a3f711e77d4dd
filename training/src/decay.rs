//! Weight decay that spares biases: a bias does not make a function steeper, and to pull it to zero only shifts it.

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// One rule with weight decay for matrices, and without for vectors.
#[derive(Clone)]
pub struct SparingBiases<O> {
    /// For parameters of two dimensions and more.
    pub decaying: O,
    /// For all others.
    pub bare: O,
}

impl<O: Optimizer> Optimizer for SparingBiases<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        match D {
            0 | 1 => self.bare.step(lr, tensor, grad, state),
            _ => self.decaying.step(lr, tensor, grad, state),
        }
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        O::to_device(state, device)
    }
}
