//! SegRNN ([Lin et al. 2023](https://arxiv.org/abs/2308.11200)): a GRU that reads segments instead of steps, and
//! decodes all segments of the forecast in parallel. Columns are independent (channel independence).
//!
//! B is the number of windows, C the number of columns, L the number of steps that are read, w the number of steps per
//! segment, m the number of segments that are forecast, and H the hidden size:
//!
//! ```text
//! inputs minus last value [B·C, L] ─► segments [B·C, L/w, w] ─► linear, ReLU [B·C, L/w, H] ─► GRU ─► state [B·C, H]
//! embeddings of position and column of each future segment [B·C·m, H] ─► one GRU step from the state [B·C·m, H]
//!   ─► linear [B·C, m·w] ─► add last value
//! ```

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use inference::settings::{Count, Fraction};
use rnn::{Cell, Dropout, Rnn, RnnConfig, State, dense};
use serde::{Deserialize, Serialize};

use crate::settings::BadSetting;

/// The settings of SegRNN: the table `[model]` of a training recipe with `kind = "segrnn"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegRnnConfig {
    /// The hidden size of the GRU, H. It must be even.
    pub hidden_size: Count,
    /// The number of steps per segment, w. Look-back and horizon must be multiples of w.
    pub segment: Count,
    /// The dropout probability before the last layer.
    #[serde(default)]
    pub dropout: Fraction,
}

/// The SegRNN network. [The module](self) shows its layers and shapes.
#[derive(Module, Debug)]
pub struct SegRnn {
    /// The linear layer that encodes a segment: from w values to H features.
    pub encoder: Linear,
    /// The recurrent network: one GRU layer.
    pub rnn: Rnn,
    /// One learned embedding per position of the m future segments, `[m, H / 2]`, where H is the hidden size.
    pub positions: Param<Tensor<2>>,
    /// One learned embedding for each of the C columns, `[C, H / 2]`, where H is the hidden size.
    pub channels: Param<Tensor<2>>,
    /// Dropout of the hidden states of the future segments, before the layer `decoder`.
    pub dropout: Dropout,
    /// The linear layer that decodes a state: from H features to the w values of a segment.
    pub decoder: Linear,
}

impl SegRnnConfig {
    /// Checks that the segment length divides the look-back and the horizon, and that the hidden size is even.
    pub fn check(&self, look_back: usize, horizon: usize) -> Result<(), BadSetting> {
        let (segment, hidden) = (self.segment.get(), self.hidden_size.get());
        if !look_back.is_multiple_of(segment) || !horizon.is_multiple_of(segment) {
            let sizes = format!("data.look_back = {look_back} and data.horizon = {horizon}");
            return Err(BadSetting::new(
                "model.segment",
                format!("{segment} must divide {sizes}; change one of these settings"),
            ));
        }
        if !hidden.is_multiple_of(2) {
            return Err(BadSetting::new(
                "model.hidden_size",
                format!("{hidden} is an odd number; choose an even hidden size"),
            ));
        }
        Ok(())
    }

    /// Creates the network with random weights.
    pub fn init(&self, columns: usize, horizon: usize, device: &Device) -> SegRnn {
        let (segment, hidden) = (self.segment.get(), self.hidden_size.get());
        let normal = Initializer::Normal { mean: 0.0, std: 1.0 };
        SegRnn {
            encoder: LinearConfig::new(segment, hidden).init(device),
            rnn: RnnConfig::new(Cell::Gru, hidden, hidden).init(device),
            positions: normal.init([horizon / segment, hidden / 2], device),
            channels: normal.init([columns, hidden / 2], device),
            dropout: Dropout::new(self.dropout.get()),
            decoder: LinearConfig::new(hidden, segment).init(device),
        }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, columns: usize, horizon: usize) -> f64 {
        let [segment, hidden] = [self.segment, self.hidden_size].map(|size| size.get() as f64);
        let rnn = RnnConfig::new(Cell::Gru, self.hidden_size.get(), self.hidden_size.get()).num_params();
        let places = (horizon as f64 / segment).floor() + columns as f64;
        rnn + 2.0 * segment * hidden + hidden + segment + places * (hidden / 2.0).floor()
    }
}

impl SegRnn {
    /// Forecasts all C columns from L steps: `[B, L, C]` → `[B, m·w, C]`, where the horizon has m segments of w steps.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let [batch, look_back, columns] = inputs.dims();
        let [segment, hidden] = self.encoder.weight.dims();
        let last = inputs.clone().narrow(1, look_back - 1, 1); // [B, 1, C]
        let segments = (inputs - last.clone()).swap_dims(1, 2).reshape([batch * columns, look_back / segment, segment]);
        let (_, state) = self.rnn.forward(relu(dense(&self.encoder, segments)), None, None); // [1, B·C, H]

        let [count, half] = self.positions.dims();
        let positions = self.positions.val().unsqueeze_dim::<3>(0).expand([columns, count, half]); // [C, m, H/2]
        let channels = self.channels.val().unsqueeze_dim::<3>(1).expand([columns, count, half]);
        let places = Tensor::cat(vec![positions, channels], 2); // [C, m, H]
        let rows = batch * columns * count;
        let places = places.unsqueeze_dim::<4>(0).expand([batch, columns, count, hidden]).reshape([rows, 1, hidden]);
        let states = state.hidden.reshape([batch * columns, 1, hidden]).expand([batch * columns, count, hidden]);
        let state = State { hidden: states.reshape([1, rows, hidden]), cell: None };

        let (states, _) = self.rnn.forward(places, None, Some(state)); // [B·C·m, 1, H]
        let forecast = dense(&self.decoder, self.dropout.forward(states)); // [B·C·m, 1, w]
        forecast.reshape([batch, columns, count * segment]).swap_dims(1, 2) + last
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    fn config() -> SegRnnConfig {
        toml::from_str("hidden_size = 10\nsegment = 4").unwrap()
    }

    #[test]
    fn columns_and_rows_of_a_batch_do_not_mix() {
        let device = Device::flex();
        let network = config().init(3, 8, &device);
        assert_eq!(config().num_params(3, 8), network.num_params() as f64);
        let inputs = Tensor::<3>::random([2, 12, 3], Distribution::Default, &device);
        let forecast = network.forward(inputs.clone());
        assert_eq!(forecast.dims(), [2, 8, 3]);
        let changed = Tensor::cat(vec![inputs.clone().narrow(2, 0, 2), inputs.clone().narrow(2, 2, 1) + 1.0], 2);
        let difference = (network.forward(changed) - forecast.clone()).abs();
        assert_eq!(difference.clone().narrow(2, 0, 2).max().into_scalar::<f32>(), 0.0);
        // A third column that is larger by 1 has a forecast that is larger by 1.
        approx::assert_abs_diff_eq!(difference.narrow(2, 2, 1).mean().into_scalar::<f32>(), 1.0, epsilon = 1e-5);
        let alone = network.forward(inputs.narrow(0, 1, 1));
        let difference = (alone - forecast.narrow(0, 1, 1)).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(config().check(12, 8).is_ok());
        for (look_back, horizon) in [(13, 8), (12, 6)] {
            assert_eq!(config().check(look_back, horizon).unwrap_err().setting, "model.segment");
        }
        let odd = SegRnnConfig { hidden_size: 7u64.try_into().unwrap(), ..config() };
        assert_eq!(odd.check(12, 8).unwrap_err().setting, "model.hidden_size");
    }
}
