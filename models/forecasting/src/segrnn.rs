//! SegRNN ([Lin et al. 2023](https://arxiv.org/abs/2308.11200)): a GRU that reads segments instead of single steps, and writes all
//! segments of the forecast at once. Each column is read by itself.
//!
//! ```text
//! last value taken off [B·C, L] ─► segments [B·C, L/w, w] ─► linear, ReLU [B·C, L/w, H] ─► GRU ─► state [B·C, H]
//!   position and column of each segment to come [B·C·m, H] ─► one GRU step from that state ─► linear [B·C, m·w] ─► last value added
//! ```

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rnn::{Cell, Rnn, RnnConfig, State, dense};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};

/// `[model]` of a recipe with `kind = "segrnn"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegRnnConfig {
    /// Features of a state, H; even.
    pub hidden_size: Count,
    /// Steps of a segment, w; look-back and horizon are whole multiples.
    pub segment: Count,
    /// Dropout of the states before the last layer.
    #[serde(default)]
    pub dropout: Fraction,
}

/// The network. See [the module](self) for its shape.
#[derive(Module, Debug)]
pub struct SegRnn {
    /// w → H
    pub encoder: Linear,
    /// One GRU layer.
    pub rnn: Rnn,
    /// Of each segment to come, `[m, H / 2]`.
    pub positions: Param<Tensor<2>>,
    /// Of each column, `[C, H / 2]`.
    pub channels: Param<Tensor<2>>,
    /// Of the states of the segments to come.
    pub dropout: Dropout,
    /// H → w
    pub decoder: Linear,
}

impl SegRnnConfig {
    /// Why the sizes do not fit a look-back and a horizon, if they do not.
    pub fn check(&self, look_back: usize, horizon: usize) -> Result<(), String> {
        let (segment, hidden) = (self.segment.get(), self.hidden_size.get());
        if !look_back.is_multiple_of(segment) || !horizon.is_multiple_of(segment) {
            let sizes = format!("data.look_back = {look_back} and data.horizon = {horizon}");
            return Err(format!("model.segment = {segment} does not divide {sizes}; change one of them"));
        }
        if !hidden.is_multiple_of(2) {
            return Err(format!("model.hidden_size = {hidden} is odd; half of it is for the position of a segment"));
        }
        Ok(())
    }

    /// The network with random weights.
    pub fn init(&self, columns: usize, horizon: usize, device: &Device) -> SegRnn {
        let (segment, hidden) = (self.segment.get(), self.hidden_size.get());
        let normal = Initializer::Normal { mean: 0.0, std: 1.0 };
        SegRnn {
            encoder: LinearConfig::new(segment, hidden).init(device),
            rnn: RnnConfig::new(Cell::Gru, hidden, hidden).init(device),
            positions: normal.init([horizon / segment, hidden / 2], device),
            channels: normal.init([columns, hidden / 2], device),
            dropout: DropoutConfig::new(self.dropout.get()).init(),
            decoder: LinearConfig::new(hidden, segment).init(device),
        }
    }

    /// How many parameters [`init`](Self::init) makes.
    pub fn num_params(&self, columns: usize, horizon: usize) -> f64 {
        let [segment, hidden] = [self.segment, self.hidden_size].map(|size| size.get() as f64);
        let rnn = RnnConfig::new(Cell::Gru, self.hidden_size.get(), self.hidden_size.get()).num_params();
        let places = (horizon as f64 / segment).floor() + columns as f64;
        rnn + 2.0 * segment * hidden + hidden + segment + places * (hidden / 2.0).floor()
    }
}

impl SegRnn {
    /// The next steps of all columns: `[B, L, C]` → `[B, m·w, C]`.
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
        // Raised by 1, the third column is forecast 1 higher: its last value is taken off and added again.
        approx::assert_abs_diff_eq!(difference.narrow(2, 2, 1).mean().into_scalar::<f32>(), 1.0, epsilon = 1e-5);
        let alone = network.forward(inputs.narrow(0, 1, 1));
        let difference = (alone - forecast.narrow(0, 1, 1)).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(config().check(12, 8).is_ok());
        assert!(config().check(13, 8).unwrap_err().contains("model.segment = 4"));
        assert!(config().check(12, 6).unwrap_err().contains("data.horizon = 6"));
        let odd = SegRnnConfig { hidden_size: 7u64.try_into().unwrap(), ..config() };
        assert!(odd.check(12, 8).unwrap_err().contains("odd"));
    }
}
