use burn::module::Module;
use burn::tensor::Tensor;

use super::Mask;

/// Dropout with one mask for all steps of a sequence: *variational* or *locked* dropout (Gal & Ghahramani 2016).
///
/// Ordinary dropout draws a new mask at every step; what one step drops the next shows, so that a recurrent layer sees
/// noise rather than a smaller network. Here a feature dropped from a sequence stays dropped to its end. Each sequence
/// of the batch has its own mask, and what is kept is scaled by `1 / (1 − prob)`.
///
/// It acts on autodiff devices only, as [`burn::nn::Dropout`] does, and not in a frozen module.
#[derive(Module, Debug)]
pub struct LockedDropout {
    mask: Mask,
}

impl LockedDropout {
    /// A layer that drops features with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        Self { mask: Mask::new(prob) }
    }

    /// Drops features of `input`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, time, feature]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, _, features] = input.dims();
        match self.mask.draw([batch, 1, features], &input.device()) {
            Some(mask) => input * mask,
            None => input,
        }
    }
}
