use burn::module::{Flag, Module, Param};
use burn::tensor::{Distribution, Tensor};

use super::Rows;

/// Dropout (Srivastava et al. 2014): drops each value independently. The other values are scaled by `1 / (1 − prob)`.
///
/// With the same seed, the layer draws the same masks as [`burn::nn::Dropout`]. It also has the same fields, so both
/// layers give the same results and the same checkpoints. In addition, this layer supports a batch that is divided
/// between several processes: see [`Rows`].
#[derive(Module, Debug)]
pub struct Dropout {
    prob: f64,
    training: Param<Flag>,
}

impl Dropout {
    /// Creates a layer that drops each value with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        assert!((0.0..1.0).contains(&prob), "dropout: probability {prob} is not in [0, 1)");
        Self { prob, training: Param::from_bool(true) }
    }

    /// In training, sets random values to 0 and multiplies the others by `1 / (1 − prob)`. Otherwise, returns the input.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, …]`
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let device = input.device();
        if self.prob == 0.0 || !device.is_autodiff() || !self.training.is_enabled() {
            return input;
        }
        let keep = 1.0 - self.prob;
        let draw = |shape| Some(Tensor::random(shape, Distribution::Bernoulli(keep), &device));
        let rows = input.dims()[0];
        match Rows::of_whole(input.dims(), draw, |mask, start| mask.narrow(0, start, rows)) {
            Some(mask) => (input * mask) * (1.0 / keep),
            None => input,
        }
    }
}
