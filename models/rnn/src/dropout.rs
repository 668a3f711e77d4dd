use burn::module::{Flag, Module, Param};
use burn::tensor::{Distribution, Tensor};

/// Dropout with one mask for all steps of a sequence: *variational* or *locked* dropout (Gal & Ghahramani 2016).
///
/// Ordinary dropout draws a new mask at every step; what one step drops the next shows, so that a recurrent layer sees
/// noise rather than a smaller network. Here a feature dropped from a sequence stays dropped to its end. Each sequence
/// of the batch has its own mask, and what is kept is scaled by `1 / (1 − prob)`.
///
/// It acts on autodiff devices only, as [`burn::nn::Dropout`] does, and not in a frozen module.
#[derive(Module, Debug)]
pub struct LockedDropout {
    /// The probability that a feature is dropped.
    pub prob: f64,
    /// Cleared by [`freeze`](burn::module::Module::freeze).
    pub training: Param<Flag>,
}

impl LockedDropout {
    /// A layer that drops features with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        assert!((0.0..1.0).contains(&prob), "locked dropout: probability {prob} is not in [0, 1)");
        Self { prob, training: Param::from_bool(true) }
    }

    /// Drops features of `input`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, time, feature]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let device = input.device();
        if self.prob == 0.0 || !device.is_autodiff() || !self.training.is_enabled() {
            return input;
        }
        let [batch, _, features] = input.dims();
        let keep = 1.0 - self.prob;
        let mask = Tensor::random([batch, 1, features], Distribution::Bernoulli(keep), &device); // [B, 1, F]
        input * mask.div_scalar(keep)
    }
}
