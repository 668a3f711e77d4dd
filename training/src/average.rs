//! Weight averaging ([Polyak & Juditsky 1992](https://doi.org/10.1137/0330046)): exponential moving average (EMA) and
//! averaged SGD (ASGD).
//!
//! At the end of training, the weights move around a minimum of the loss. The average of the weights of many steps is
//! closer to the minimum, and often generalizes better than the last weights.

use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::metric::Monitor;
use inference::settings::{Count, Fraction};

/// The setting `training.average` of a recipe: how the weights are averaged. The average is validated and stored
/// instead of the last weights.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write average = 0.999 for a moving average of this decay, or average = { after = EPOCHS } for NT-ASGD"
)]
pub enum Averaging {
    /// An exponential moving average of the weights, with this decay per optimizer step.
    Moving(Fraction),
    /// The mean of the weights of all steps since averaging started, except the first step (as in PyTorch's ASGD).
    /// Together with plain SGD this is NT-ASGD, non-monotonically triggered averaged SGD ([Merity et al.
    /// 2018](https://arxiv.org/abs/1708.02182)).
    Triggered(Trigger),
}

/// The condition that starts weight averaging, as in NT-ASGD (Merity et al. 2018). After every epoch, the validation
/// metric of this epoch is compared with the metrics of all earlier epochs except the most recent `after` epochs.
/// Averaging starts when one of these earlier metrics is better.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The number of epochs directly before the current epoch whose metrics are left out of the comparison.
    pub after: Count,
}

impl Averaging {
    /// Returns the factor, from 0 to 1, with which the current weights of the model enter the average. `step` is the
    /// number of optimizer steps since averaging started, counted from 1.
    ///
    /// In the first steps of a moving average, the factor is larger than 1 − decay, so that the initial weights soon
    /// lose their influence.
    pub fn weight(self, step: usize) -> f64 {
        let step = step as f64;
        match self {
            Self::Moving(decay) => 1.0 - decay.get().min(step / (step + 10.0)),
            // As in PyTorch's ASGD, the weights replace the average at the first two steps.
            Self::Triggered(_) => 1.0 / (step - 1.0).max(1.0),
        }
    }
}

impl Trigger {
    /// Returns whether averaging starts after the last epoch in `values`, the validation metric of every epoch so far.
    pub(crate) fn fires(self, monitor: Monitor, values: &[f64]) -> bool {
        let Some((last, before)) = values.split_last() else { return false };
        let compared = before.len().saturating_sub(self.after.get());
        before[..compared].iter().any(|value| monitor.improves(*value, Some(*last)))
    }
}

/// Returns a module whose parameters are the weighted means of the parameters of two modules:
/// `average + weight × (model − average)`.
pub fn update<M: Module>(average: M, model: &M, weight: f64) -> M {
    let mut new = Weights(VecDeque::new());
    model.visit(&mut new);
    average.map(&mut Mean { new, weight })
}

/// The weights of a module as flat tensors, in the order in which the module visits them.
struct Weights(VecDeque<Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weights = param.val();
        let count = weights.shape().num_elements();
        self.0.push_back(weights.reshape([count]));
    }
}

struct Mean {
    new: Weights,
    weight: f64,
}

impl ModuleMapper for Mean {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(new) = self.new.0.pop_front() else { return param };
        param.map(|average| {
            let new = new.reshape(average.shape());
            average.clone() + (new - average).mul_scalar(self.weight)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    fn layer(value: f32) -> Linear {
        let device = Device::flex();
        let layer = LinearConfig::new(2, 1).init(&device);
        Linear {
            weight: Param::from_tensor(layer.weight.val().zeros_like() + value),
            bias: layer.bias.map(|bias| Param::from_tensor(bias.val().zeros_like() + 2.0 * value)),
        }
    }

    fn values(layer: &Linear) -> Vec<f32> {
        let bias = layer.bias.as_ref().unwrap().val();
        [layer.weight.val().into_data(), bias.into_data()].map(|data| data.try_to_vec().unwrap()).concat()
    }

    #[test]
    fn update_is_a_weighted_mean_of_every_parameter() {
        let mean = update(layer(1.0), &layer(3.0), 0.25);
        assert_eq!(values(&mean), [1.5, 1.5, 3.0]);
    }

    #[test]
    fn a_moving_average_warms_up_and_a_triggered_average_is_the_mean() {
        let moving = Averaging::Moving(Fraction::try_from(0.75).unwrap());
        approx::assert_relative_eq!(moving.weight(1), 10.0 / 11.0);
        assert_eq!(moving.weight(1_000_000), 0.25);

        let triggered = Averaging::Triggered(Trigger { after: Count::ONE });
        let mean = [7.0, 1.0, 5.0, 3.0]
            .iter()
            .enumerate()
            .fold(layer(9.0), |average, (index, value)| update(average, &layer(*value), triggered.weight(index + 1)));
        assert_eq!(values(&mean), [3.0, 3.0, 6.0]);
    }

    #[test]
    fn averaging_starts_when_the_last_epochs_are_worse_than_an_earlier_one() {
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        let fires = |values: &[f64]| Trigger { after: Count::try_from(2).unwrap() }.fires(perplexity, values);
        assert!(!fires(&[]) && !fires(&[9.0, 9.5, 9.6]));
        assert!(!fires(&[9.0, 8.0, 8.5, 8.4]));
        assert!(fires(&[9.0, 8.0, 8.5, 8.4, 8.3]));
        assert!(!fires(&[9.0, 8.0, 8.5, 8.4, 7.9]));
    }
}
