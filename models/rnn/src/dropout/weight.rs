use burn::module::Module;
use burn::tensor::Tensor;

use super::Mask;

/// Weight dropout, or *DropConnect* (Wan et al. 2013): sets random weights of a matrix to zero, and scales the other
/// weights by `1 / (1 − prob)`. Merity et al. (2018) apply it to the recurrent weights of an LSTM.
///
/// All steps of all sequences of a batch share one mask. The dropout is active on autodiff devices (devices that record
/// gradients) only, and not after [`freeze`](burn::module::Module::freeze).
#[derive(Module, Debug)]
pub struct WeightDropout {
    mask: Mask,
}

impl WeightDropout {
    /// Creates a layer that drops each weight with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        Self { mask: Mask::new(prob) }
    }

    /// Drops random weights of a matrix.
    ///
    /// # Shapes
    ///
    /// - weight and output: `[rows, columns]`
    pub fn forward(&self, weight: Tensor<2>) -> Tensor<2> {
        match self.mask.draw(weight.dims(), &weight.device()) {
            Some(mask) => weight * mask,
            None => weight,
        }
    }
}
