//! Averages of the weights ([Polyak & Juditsky 1992](https://doi.org/10.1137/0330046)): they lie nearer to the middle of the
//! region that the optimiser wanders through, and often generalise better than its last step.

use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::settings::{Count, Fraction};
use crate::task::Monitor;

/// `training.average` of a recipe: which average is measured, chosen and kept in place of the weights.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write average = 0.999, the share that stays at each step, or average = { after = EPOCHS }"
)]
pub enum Averaging {
    /// A moving average: this much of it stays at each step.
    Moving(Fraction),
    /// The mean of all weights from the epoch on in which the validation metric was worse than the best of all but the last
    /// `after` epochs: with plain SGD, NT-ASGD ([Merity et al. 2018](https://arxiv.org/abs/1708.02182)).
    Triggered(Trigger),
}

/// When averaging begins.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Epochs without improvement that are forgiven.
    pub after: Count,
}

impl Averaging {
    /// How far the average moves towards the weights at the `step`-th step since it began, counted from 1.
    ///
    /// A moving average moves faster in its first steps, so that the weights it began with are soon forgotten.
    pub fn share(self, step: usize) -> f64 {
        let step = step as f64;
        match self {
            Self::Moving(decay) => 1.0 - decay.get().min(step / (step + 10.0)),
            // As PyTorch's ASGD has it: the first step's weights are left out.
            Self::Triggered(_) => 1.0 / (step - 1.0).max(1.0),
        }
    }
}

impl Trigger {
    /// Whether averaging is to begin, from the validation metrics of all epochs so far.
    pub fn fires(self, monitor: Monitor, values: &[f64]) -> bool {
        let Some((last, before)) = values.split_last() else { return false };
        let forgiven = before.len().saturating_sub(self.after.get());
        before[..forgiven].iter().any(|value| monitor.improves(*value, Some(*last)))
    }
}

/// Moves `average` towards `model` by a share of the way.
pub fn update<M: Module>(average: M, model: &M, share: f64) -> M {
    let mut towards = Weights(VecDeque::new());
    model.visit(&mut towards);
    average.map(&mut Move { towards, share })
}

/// The weights of a module in the order in which it shows them, flat.
struct Weights(VecDeque<Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weights = param.val();
        let count = weights.shape().num_elements();
        self.0.push_back(weights.reshape([count]));
    }
}

struct Move {
    towards: Weights,
    share: f64,
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(goal) = self.towards.0.pop_front() else { return param };
        param.map(|average| {
            let goal = goal.reshape(average.shape());
            average.clone() + (goal - average).mul_scalar(self.share)
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
    fn it_moves_each_weight_by_its_share() {
        let moved = update(layer(1.0), &layer(3.0), 0.25);
        assert_eq!(values(&moved), [1.5, 1.5, 3.0]);
    }

    #[test]
    fn a_moving_average_forgets_its_beginning_and_a_triggered_one_is_the_mean() {
        let moving = Averaging::Moving(Fraction::try_from(0.75).unwrap());
        approx::assert_relative_eq!(moving.share(1), 10.0 / 11.0);
        assert_eq!(moving.share(1_000_000), 0.25);

        let triggered = Averaging::Triggered(Trigger { after: Count::ONE });
        let mean = [7.0, 1.0, 5.0, 3.0]
            .iter()
            .enumerate()
            .fold(layer(9.0), |average, (index, value)| update(average, &layer(*value), triggered.share(index + 1)));
        assert_eq!(values(&mean), [3.0, 3.0, 6.0]);
    }

    #[test]
    fn averaging_begins_when_the_best_is_not_among_the_last() {
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        let fires = |values: &[f64]| Trigger { after: Count::try_from(2).unwrap() }.fires(perplexity, values);
        assert!(!fires(&[]) && !fires(&[9.0, 9.5, 9.6]));
        assert!(!fires(&[9.0, 8.0, 8.5, 8.4]));
        assert!(fires(&[9.0, 8.0, 8.5, 8.4, 8.3]));
        assert!(!fires(&[9.0, 8.0, 8.5, 8.4, 7.9]));
    }
}
