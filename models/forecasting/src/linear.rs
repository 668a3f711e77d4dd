//! DLinear and NLinear ([Zeng et al. 2023](https://arxiv.org/abs/2205.13504)): linear maps from the past steps that are
//! read (the look-back) to the steps of the forecast. All columns share the same weights.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rnn::dense;
use serde::{Deserialize, Serialize};

/// The settings of DLinear or NLinear: the table `[model]` of a training recipe with `kind = "linear"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearModelConfig {
    /// How the values are prepared before the linear map.
    pub form: Form,
}

/// How the values are prepared before the linear map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// DLinear: the values are split into their moving average over 25 steps and the remainder. The moving average and
    /// the remainder have separate maps.
    Decomposed,
    /// NLinear: the last value is subtracted from the inputs, and added to the outputs.
    Normalised,
}

/// The number of steps of the moving average of [`Form::Decomposed`].
pub(crate) const AVERAGE: usize = 25;

/// The network of DLinear or NLinear.
#[derive(Module, Debug)]
pub struct LinearModel {
    /// The linear map over time, from the L steps of the look-back to the H steps of the forecast. In DLinear, its
    /// input is the remainder: the values minus their moving average.
    pub map: Linear,
    /// The second map of DLinear, for the moving average: from L steps to H steps; `None` for NLinear.
    pub trend: Option<Linear>,
}

impl LinearModelConfig {
    /// Creates the network with random weights.
    pub fn init(&self, look_back: usize, horizon: usize, device: &Device) -> LinearModel {
        let map = || LinearConfig::new(look_back, horizon).init(device);
        LinearModel { map: map(), trend: (self.form == Form::Decomposed).then(map) }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, look_back: usize, horizon: usize) -> f64 {
        let maps = if self.form == Form::Decomposed { 2.0 } else { 1.0 };
        maps * (look_back as f64 + 1.0) * horizon as f64
    }
}

impl LinearModel {
    /// Forecasts H steps of all C columns from the L steps of the look-back: `[B, L, C]` → `[B, H, C]`, for B windows.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let by_column = inputs.swap_dims(1, 2); // [B, C, L]
        let forecast = match &self.trend {
            Some(trend) => {
                let average = moving_average(by_column.clone());
                dense(&self.map, by_column - average.clone()) + dense(trend, average)
            }
            None => {
                let steps = by_column.dims()[2];
                let last = by_column.clone().narrow(2, steps - 1, 1); // [B, C, 1]
                dense(&self.map, by_column - last.clone()) + last
            }
        }; // [B, C, H]
        forecast.swap_dims(1, 2)
    }
}

/// Returns the moving average over [`AVERAGE`] steps, with replicate padding, for C columns of L steps: `[B, C, L]`.
fn moving_average(values: Tensor<3>) -> Tensor<3> {
    let [batch, columns, steps] = values.dims();
    let beyond = AVERAGE / 2;
    let end = |at: usize| values.clone().narrow(2, at, 1).expand([batch, columns, beyond]);
    let padded = Tensor::cat(vec![end(0), values.clone(), end(steps - 1)], 2); // [B, C, L + 24]
    let sums = (0..AVERAGE).map(|shift| padded.clone().narrow(2, shift, steps));
    let sum = sums.reduce(|sum, shifted| sum + shifted).unwrap_or(values);
    sum.div_scalar(AVERAGE as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(form: Form) -> LinearModelConfig {
        LinearModelConfig { form }
    }

    #[test]
    fn the_moving_average_pads_with_the_first_and_last_value() {
        let values: Vec<f32> = (0..60).map(|step| step as f32).collect();
        let values = Tensor::<1>::from_floats(&values[..], &Device::flex()).reshape([1, 1, 60]);
        let average: Vec<f32> = moving_average(values).into_data().try_to_vec().unwrap();
        approx::assert_abs_diff_eq!(average[30], 30.0, epsilon = 1e-4);
        approx::assert_abs_diff_eq!(average[0], (1..=12).sum::<i32>() as f32 / 25.0, epsilon = 1e-4);
        approx::assert_abs_diff_eq!(average[59], 59.0 - 78.0 / 25.0, epsilon = 1e-4);
    }

    #[test]
    fn shifted_inputs_shift_the_forecast_of_nlinear() {
        let device = Device::flex();
        let inputs = Tensor::<3>::random([2, 30, 3], burn::tensor::Distribution::Default, &device);
        for form in [Form::Decomposed, Form::Normalised] {
            let model = config(form).init(30, 6, &device);
            assert_eq!(model.num_params() as f64, config(form).num_params(30, 6));
            assert_eq!(model.forward(inputs.clone()).dims(), [2, 6, 3]);
        }
        let model = config(Form::Normalised).init(30, 6, &device);
        let difference = model.forward(inputs.clone() + 5.0) - model.forward(inputs);
        approx::assert_abs_diff_eq!(difference.clone().min().into_scalar::<f32>(), 5.0, epsilon = 1e-4);
        approx::assert_abs_diff_eq!(difference.max().into_scalar::<f32>(), 5.0, epsilon = 1e-4);
    }
}
