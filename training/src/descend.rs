//! A minimal training loop for short programs. Applications use [`Training`](crate::Training).

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Tensor;

use crate::clip::{Clip, clip};

/// The gradient clipping of [`descend`]: to a global norm of at most 1.
const CLIP: Clip = Clip::Norm(1.0);

/// Trains a model with a minimal loop: Adam ([Kingma & Ba 2015](https://arxiv.org/abs/1412.6980)) with gradient
/// clipping to norm 1 and a learning rate that decreases linearly from `lr` to 0.
///
/// `loss` gets the model and the number of the step, counted from 0, chooses the batch of the step, and returns the
/// loss, `[1]`. Returns the trained model in evaluation mode (without gradients and dropout), and the loss of every
/// step.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex().autodiff();
/// let x = Tensor::<2>::from_floats([[0.0], [1.0], [2.0]], &device);
/// let y = x.clone() * 3.0 - 1.0;
/// let model = LinearConfig::new(1, 1).init(&device);
/// let (model, losses) =
///     training::descend(model, 300, 0.1, |model, _step| (model.forward(x.clone()) - y.clone()).square().mean());
/// assert!(losses.len() == 300 && losses[299] < 1e-3);
/// ```
pub fn descend<M: Module>(
    mut model: M,
    steps: usize,
    lr: f64,
    mut loss: impl FnMut(&M, usize) -> Tensor<1>,
) -> (M, Vec<f32>) {
    let mut adam = AdamConfig::new().init();
    let mut losses = Vec::with_capacity(steps);
    for step in 0..steps {
        let loss = loss(&model, step);
        losses.push(loss.clone().into_scalar::<f32>());
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        let (grads, _norm) = clip(&model, grads, 1.0, Some(CLIP));
        model = adam.step(lr * (1.0 - step as f64 / steps as f64), model, grads);
    }
    (model.valid(), losses)
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn linear_regression_converges() {
        let device = Device::flex().autodiff();
        device.seed(1);
        let x = Tensor::<2>::from_floats([[0.0], [1.0], [2.0]], &device);
        let y = x.clone() * 3.0 - 1.0;
        let model = LinearConfig::new(1, 1).init(&device);
        let (model, losses) =
            descend(model, 300, 0.1, |model, _| (model.forward(x.clone()) - y.clone()).square().mean());
        assert!(losses.len() == 300 && losses[299] < 1e-4, "{losses:?}");
        approx::assert_abs_diff_eq!(model.weight.val().into_scalar::<f32>(), 3.0, epsilon = 0.02);
        assert!(!model.weight.val().device().is_autodiff());
    }
}
