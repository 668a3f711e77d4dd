use burn::module::Module;
use burn::tensor::Tensor;

use super::Mask;

/// Dropout of weights: *DropConnect* (Wan et al. 2013), which Merity et al. (2018) put on the recurrent weights of an LSTM.
///
/// One mask serves all steps of all sequences of a batch, so that the state flows through one and the same smaller network.
/// Weights kept are scaled by `1 / (1 − prob)`. It acts on autodiff devices only, and not in a frozen module.
#[derive(Module, Debug)]
pub struct WeightDropout {
    mask: Mask,
}

impl WeightDropout {
    /// A layer that drops weights with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        Self { mask: Mask::new(prob) }
    }

    /// Drops some of the weights.
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
