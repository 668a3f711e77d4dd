//! A moving average of the weights ([Polyak & Juditsky 1992](https://doi.org/10.1137/0330046)): it lies nearer to the
//! middle of the region that the optimiser wanders through, and often generalises better than its last step.

use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Moves `average` towards `model` by a share of the way: `1 − decay`, and more in the first steps, so that the weights it
/// all began with are soon forgotten. `step` counts from 1.
pub fn update<M: Module>(average: M, model: &M, decay: f64, step: usize) -> M {
    let decay = decay.min(step as f64 / (step as f64 + 10.0));
    let mut towards = Weights(VecDeque::new());
    model.visit(&mut towards);
    average.map(&mut Move { towards, share: 1.0 - decay })
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
        let late = update(layer(1.0), &layer(3.0), 0.75, 1_000_000);
        assert_eq!(values(&late), [1.5, 1.5, 3.0]);
        let early = update(layer(0.0), &layer(11.0), 0.999, 1); // 10 of 11 parts of the way
        for (given, expected) in values(&early).into_iter().zip([10.0, 10.0, 20.0]) {
            approx::assert_relative_eq!(given, expected, max_relative = 1e-6);
        }
    }
}
