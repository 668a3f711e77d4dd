//! Weight decay for weight matrices only, and not for biases. Weight decay makes the weights small, so that the network
//! computes a smoother function. A bias only shifts this function, so decay of a bias has no such benefit.

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// An optimizer with weight decay for parameters with two or more dimensions, and without weight decay for vectors.
#[derive(Clone)]
pub struct DecayMatrices<O> {
    /// The optimizer with weight decay, for parameters with two or more dimensions.
    pub decaying: O,
    /// The optimizer without weight decay, for all other parameters, such as biases.
    pub plain: O,
}

impl<O: Optimizer> Optimizer for DecayMatrices<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        match D {
            0 | 1 => self.plain.step(lr, tensor, grad, state),
            _ => self.decaying.step(lr, tensor, grad, state),
        }
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        O::to_device(state, device)
    }
}
