use burn::module::Module;
use burn::tensor::Tensor;

use super::{Mask, Rows};

/// *Variational* or *locked* dropout (Gal & Ghahramani 2016): one mask for all steps of a sequence.
///
/// Ordinary dropout draws a new mask at every step. In a recurrent layer, a new mask at every step is only noise,
/// because a feature that is dropped at one step is visible at the next step. With locked dropout, a dropped feature is
/// zero at all steps. The features that are not dropped are scaled by `1 / (1 − prob)`. Each sequence of the batch has
/// its own mask.
///
/// The dropout is active on autodiff devices (devices that record gradients) only, and not after
/// [`freeze`](burn::module::Module::freeze).
#[derive(Module, Debug)]
pub struct LockedDropout {
    mask: Mask,
}

impl LockedDropout {
    /// Creates a layer that drops each feature with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        Self { mask: Mask::new(prob) }
    }

    /// Drops random features of each sequence.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, time, feature]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, _, features] = input.dims();
        let draw = |shape| self.mask.draw(shape, &input.device());
        match Rows::of_whole([batch, 1, features], draw, |mask, start| mask.narrow(0, start, batch)) {
            Some(mask) => input * mask,
            None => input,
        }
    }
}
