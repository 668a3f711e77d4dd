//! An Elman network, LSTM or GRU that reads all columns and the features whose future values are known, and forecasts
//! the targets: all steps at once (direct), or step by step (autoregressive).
//!
//! ```text
//! direct          [B, L, C + K] ─► rnn ─► last state [B, N] ─┐
//!                 known features of future steps [B, H, K] ──┴─► linear, ReLU [B, H, N] ─► linear [B, H, T·P]
//! autoregressive  previous value, known features [B, L − 1 + H, T + K] ─► rnn ─► linear [B, L − 1 + H, T·P]
//! ```
//!
//! The shapes have B windows, L steps of look-back, H steps of horizon, C columns (of which T are targets), K features
//! whose future values are known (calendar features and known covariates, such as prices), N features of the hidden
//! state, and P distribution parameters per value. The direct network resembles the decoder of [Wen et al.
//! 2017](https://arxiv.org/abs/1711.11053), but all future steps read the same state, which is the last hidden state.
//! Each future step also reads its own known features. The autoregressive network is DeepAR ([Salinas et al.
//! 2017](https://arxiv.org/abs/1704.04110)): each step reads the previous value and the known features. DeepAR is
//! trained with teacher forcing, and forecasts by ancestral sampling of many paths.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use inference::settings::{Count, Fraction};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rnn::{Cell, Dropout, Rnn, RnnConfig, State, dense};
use serde::{Deserialize, Serialize};

use crate::frame::Batch;
use crate::likelihood::Likelihood;
use crate::model::Sizes;
use crate::settings::BadSetting;

/// The settings of the recurrent network: the table `[model]` of a training recipe with `kind = "recurrent"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// The recurrent cell: Elman, LSTM or GRU.
    pub cell: Cell,
    /// The hidden size, N.
    pub hidden_size: Count,
    /// The number of stacked layers.
    pub layers: Count,
    /// The dropout probability between layers and before the output layer.
    #[serde(default)]
    pub dropout: Fraction,
    /// How the network computes its forecasts: all steps at once, or step by step.
    pub decoding: Decoding,
    /// The normalisation of each window; no normalisation if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
}

/// How the network computes its forecasts: all steps at once, or step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// Direct: all steps are forecast at once from the last hidden state.
    Direct,
    /// Autoregressive: the steps are forecast one by one, and each step reads the value that was sampled for the
    /// previous step.
    Autoregressive,
}

/// Reversible instance normalisation, RevIN ([Kim et al. 2022](https://openreview.net/forum?id=cGDAkQo1C0p)): the mean
/// or the last value of each column in a window is subtracted from the inputs, and added to the forecast. The network
/// can therefore forecast at levels that do not occur in the training part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Subtracts the mean of each column over the look-back, and divides by its standard deviation over the look-back.
    Window,
    /// Subtracts the last value in the look-back of a window from all values of the window, as NLinear does.
    Last,
}

/// The number of sample paths that autoregressive decoding draws per window.
const PATHS: usize = 100;
/// The smallest number by which [`Normalise::Window`] divides, so that a constant window does not cause a division by
/// 0.
pub(crate) const MIN_DEVIATION: f64 = 0.05;

/// The recurrent network. [The module](self) shows its layers and shapes.
#[derive(Module, Debug)]
pub struct Recurrent {
    /// The recurrent layers, with N features per hidden state. Their input at a step has C columns (direct) or T
    /// targets (autoregressive), and K features whose future values are known.
    pub rnn: Rnn,
    /// The decoder of [`Decoding::Direct`]; `None` with [`Decoding::Autoregressive`].
    pub steps: Option<Steps>,
    /// Dropout before the output layer.
    pub dropout: Dropout,
    /// The output layer: from the N features of a hidden state to P distribution parameters of each of T targets.
    pub output: Linear,
    /// The normalisation of each window; `None` for no normalisation.
    #[module(skip)]
    pub(crate) normalise: Option<Normalise>,
    /// The training loss, which determines the output distribution.
    #[module(skip)]
    pub(crate) likelihood: Likelihood,
}

/// The decoder of [`Decoding::Direct`]: computes the states of the H future steps from the last hidden state.
#[derive(Module, Debug)]
pub struct Steps {
    /// The linear layer from the last hidden state (N features) and the K known features of a future step to N
    /// features.
    pub map: Linear,
    /// One learned embedding of N features per future step, `[H, N]`, added to the output of `map`.
    pub positions: Param<Tensor<2>>,
}

/// The mean (or last value) and the standard deviation by which each column of a window is normalised. For B windows of
/// C columns, each tensor has the shape `[B, 1, C]`.
struct Scale {
    mean: Tensor<3>,
    deviation: Tensor<3>,
}

impl RecurrentConfig {
    /// Checks that the settings can be combined with each other, with the data and with the likelihood.
    pub fn check(&self, sizes: Sizes, likelihood: Likelihood) -> Result<(), BadSetting> {
        let Sizes { look_back, columns, targets, .. } = sizes;
        if self.decoding == Decoding::Autoregressive && look_back < 2 {
            return Err(BadSetting::new(
                "data.look_back",
                "model.decoding = \"autoregressive\" needs a look-back of at least 2 steps; set data.look_back to 2 or \
                 more",
            ));
        }
        if self.decoding == Decoding::Autoregressive && columns > targets {
            let message = "model.decoding = \"autoregressive\" needs future values of the covariates; make the \
                           covariates targets, name them in data.known if their future values are known, or set \
                           model.decoding = \"direct\"";
            return Err(BadSetting::new("data.covariates", message));
        }
        if self.normalise.is_some() && matches!(likelihood, Likelihood::Direction | Likelihood::Qlike) {
            return Err(BadSetting::new(
                "model.normalise",
                "model.normalise removes the level of the values, which the losses qlike and direction need; remove \
                 model.normalise",
            ));
        }
        if self.decoding == Decoding::Autoregressive && likelihood == Likelihood::Quantiles {
            let message = "model.decoding = \"autoregressive\" cannot sample from quantiles; set the loss gaussian or \
                           student-t, or set model.decoding = \"direct\"";
            return Err(BadSetting::new("model.loss", message));
        }
        Ok(())
    }

    /// Creates the network with random weights.
    pub fn init(&self, sizes: Sizes, likelihood: Likelihood, device: &Device) -> Recurrent {
        let Sizes { horizon, targets, known, .. } = sizes;
        let hidden = self.hidden_size.get();
        let direct = self.decoding == Decoding::Direct;
        let steps = || Steps {
            map: LinearConfig::new(hidden + known, hidden).init(device),
            positions: Initializer::Normal { mean: 0.0, std: 0.1 }.init([horizon, hidden], device),
        };
        Recurrent {
            rnn: self.rnn(sizes).init(device),
            steps: direct.then(steps),
            dropout: Dropout::new(self.dropout.get()),
            output: LinearConfig::new(hidden, targets * likelihood.width()).init(device),
            normalise: self.normalise,
            likelihood,
        }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, sizes: Sizes, likelihood: Likelihood) -> f64 {
        let Sizes { horizon, targets, known, .. } = sizes;
        let hidden = self.hidden_size.get() as f64;
        let steps = (hidden + known as f64 + 1.0 + horizon as f64) * hidden;
        let steps = if self.decoding == Decoding::Direct { steps } else { 0.0 };
        self.rnn(sizes).num_params() + steps + (hidden + 1.0) * (targets * likelihood.width()) as f64
    }

    fn rnn(&self, Sizes { columns, known, .. }: Sizes) -> RnnConfig {
        RnnConfig::new(self.cell, columns + known, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_dropout(self.dropout.get())
    }
}

impl Recurrent {
    /// Runs the forward pass for training. Returns P distribution parameters per value, `[B, S, T, P]`, and the
    /// observed values of the T targets at the same S steps, `[B, S, T]`. Direct decoding covers the horizon: `S = H`.
    /// Autoregressive decoding reads the observed previous values (teacher forcing) and also covers the L steps of the
    /// look-back except the first: `S = L − 1 + H`.
    pub fn forward_train(&self, batch: Batch) -> (Tensor<4>, Tensor<3>) {
        if self.steps.is_some() {
            return (self.forward(&batch), batch.targets);
        }
        let Batch { inputs, targets, known, .. } = batch; // [B, L, T], [B, H, T], [B, L + H, K]
        let scale = self.scale(&inputs);
        let values = Tensor::cat(vec![inputs, targets], 1); // [B, L + H, T]
        let steps = values.dims()[1] - 1;
        let before = scale.normalise(values.clone().narrow(1, 0, steps));
        let known = known.narrow(1, 1, steps);
        let (states, _) = self.rnn.forward(Tensor::cat(vec![before, known], 2), None, None); // [B, S, N]
        (self.parameters(states, &scale), values.narrow(1, 1, steps))
    }

    /// Computes the P distribution parameters of each of the H future steps and T targets, all steps at once (direct
    /// decoding): `[B, H, T, P]`.
    pub fn forward(&self, batch: &Batch) -> Tensor<4> {
        let Batch { inputs, targets, known, .. } = batch; // [B, L, C], [B, H, T], [B, L + H, K]
        let scale = self.scale(inputs);
        let (look_back, horizon) = (inputs.dims()[1], targets.dims()[1]);
        let read = Tensor::cat(vec![scale.normalise(inputs.clone()), known.clone().narrow(1, 0, look_back)], 2);
        let (states, _) = self.rnn.forward(read, None, None);
        let last = states.narrow(1, look_back - 1, 1); // [B, 1, N]

        let [batch, _, hidden] = last.dims();
        let future = known.clone().narrow(1, look_back, horizon); // [B, H, K]
        let last = last.expand([batch, horizon, hidden]);
        let states = match &self.steps {
            Some(Steps { map, positions }) => {
                relu(dense(map, Tensor::cat(vec![last, future], 2)) + positions.val().unsqueeze_dim(0))
            }
            None => last,
        }; // [B, H, N]
        self.parameters(states, &scale)
    }

    /// Returns whether forecasts are made step by step, by [`sample_paths`](Self::sample_paths).
    pub fn is_autoregressive(&self) -> bool {
        self.steps.is_none()
    }

    /// Draws R sample paths of each of B windows, over H steps and T targets. Returns the values as a flat list in the
    /// order of `[B, R, H, T]`, and R. R is 1 if the likelihood has no distribution. The random numbers of a window are
    /// seeded with its origin (the index of the first row that is forecast), so its samples do not depend on the other
    /// windows of the batch.
    pub fn sample_paths(&self, batch: &Batch) -> (Vec<f32>, usize) {
        let Batch { origins, inputs, known, targets } = batch; // [B, L, T], [B, L + H, K], [B, H, T]
        let [_, horizon, targets] = targets.dims();
        let device = inputs.device();
        let paths = if self.likelihood.has_intervals() { PATHS } else { 1 };
        let scale = self.scale(inputs);
        let (look_back, rows) = (inputs.dims()[1], origins.len() * paths);

        let read = scale.normalise(inputs.clone()).narrow(1, 0, look_back - 1);
        let read = Tensor::cat(vec![read, known.clone().narrow(1, 1, look_back - 1)], 2);
        let (_, State { hidden, cell }) = self.rnn.forward(read, None, None);
        let of_paths = State { hidden: repeated(hidden, 1, paths), cell: cell.map(|cell| repeated(cell, 1, paths)) }; // [layers, B·R, N]
        let prepared = self.rnn.prepare();
        let mut state = prepared.state(of_paths);
        let scale = scale.repeated(paths); // [B·R, 1, T]
        let mut value = repeated(inputs.clone().narrow(1, look_back - 1, 1), 0, paths); // [B·R, 1, T]

        let rng = |(row, origin): (usize, &usize)| {
            let mut rng = ChaCha8Rng::seed_from_u64(*origin as u64);
            rng.set_stream((row % paths) as u64);
            rng
        };
        let all = origins.iter().flat_map(|origin| std::iter::repeat_n(origin, paths));
        let mut rngs: Vec<ChaCha8Rng> = all.enumerate().map(rng).collect();
        let mut samples = vec![0.0; rows * horizon * targets];
        for step in 0..horizon {
            let now = repeated(known.clone().narrow(1, look_back + step, 1), 0, paths); // [B·R, 1, K]
            let input = numbers(Tensor::cat(vec![scale.normalise(value), now], 2)); // [B·R, 1, T + K]
            let output = TensorData::new(prepared.step(&input, &mut state).to_vec(), [rows, 1, self.rnn.hidden_size]);
            let parameters = numbers(self.parameters(Tensor::from_data(output, &device), &scale)); // [B·R, 1, T, P]
            let mut values = Vec::with_capacity(rows * targets);
            let width = self.likelihood.width();
            for (row, parameters) in parameters.chunks(targets * width).enumerate() {
                let sample = |parameters| self.likelihood.sample(parameters, &mut rngs[row]);
                values.extend(parameters.chunks(width).map(sample));
            }
            for (row, values) in values.chunks(targets).enumerate() {
                samples[(row * horizon + step) * targets..][..targets].copy_from_slice(values);
            }
            value = Tensor::from_data(TensorData::new(values, [rows, 1, targets]), &device);
        }
        (samples, paths)
    }

    /// Computes P distribution parameters of each of T targets from hidden states of N features, at S steps:
    /// `[B, S, N]` → `[B, S, T, P]`.
    fn parameters(&self, states: Tensor<3>, scale: &Scale) -> Tensor<4> {
        let [batch, steps, _] = states.dims();
        let outputs = dense(&self.output, self.dropout.forward(states)); // [B, S, T·P]
        let width = self.likelihood.width();
        let targets = outputs.dims()[2] / width;
        let parameters = self.likelihood.parameters(outputs.reshape([batch, steps, targets, width]));
        if self.normalise.is_none() {
            return parameters;
        }
        let of = |numbers: &Tensor<3>| numbers.clone().narrow(2, 0, targets).unsqueeze_dim::<4>(3); // [B, 1, T, 1]
        self.likelihood.rescale(parameters, of(&scale.mean), of(&scale.deviation))
    }

    fn scale(&self, inputs: &Tensor<3>) -> Scale {
        let [batch, look_back, columns] = inputs.dims();
        let ones = || Tensor::ones([batch, 1, columns], &inputs.device());
        match self.normalise {
            None => Scale { mean: ones().zeros_like(), deviation: ones() },
            Some(Normalise::Last) => Scale { mean: inputs.clone().narrow(1, look_back - 1, 1), deviation: ones() },
            Some(Normalise::Window) => {
                let (variance, mean) = inputs.clone().var_mean_bias(1);
                Scale { mean, deviation: variance.sqrt().clamp_min(MIN_DEVIATION) }
            }
        }
    }
}

impl Scale {
    fn normalise(&self, values: Tensor<3>) -> Tensor<3> {
        (values - self.mean.clone()) / self.deviation.clone()
    }

    fn repeated(self, times: usize) -> Self {
        Self { mean: repeated(self.mean, 0, times), deviation: repeated(self.deviation, 0, times) }
    }
}

/// Repeats each slice along dimension `dim` `times` times, like `torch.repeat_interleave`.
fn repeated(tensor: Tensor<3>, dim: usize, times: usize) -> Tensor<3> {
    let mut shape = tensor.dims();
    let mut wide = [shape[0], shape[1], shape[2], 0];
    wide.copy_within(dim + 1..3, dim + 2);
    wide[dim + 1] = times;
    shape[dim] *= times;
    tensor.unsqueeze_dim::<4>(dim + 1).expand(wide).reshape(shape)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::CALENDAR;
    use crate::frame::tests::windows;

    fn config(more: &str) -> RecurrentConfig {
        toml::from_str(&format!("cell = 'gru'\nhidden_size = 6\nlayers = 2\n{more}")).unwrap()
    }

    fn sizes(columns: usize, targets: usize) -> Sizes {
        Sizes { look_back: 6, horizon: 4, columns, targets, known: CALENDAR }
    }

    #[test]
    fn all_forms_have_parameters_for_every_step() {
        let device = Device::flex();
        for (decoding, likelihoods) in [
            ("direct", vec![Likelihood::Mae, Likelihood::Gaussian, Likelihood::StudentT, Likelihood::Quantiles]),
            ("autoregressive", vec![Likelihood::Mae, Likelihood::Gaussian, Likelihood::StudentT]),
        ] {
            let windows = windows(60, if decoding == "direct" { 1 } else { 2 });
            let targets = windows.frame.targets;
            let forms = |likelihood| ["", "window", "last"].map(|form| (likelihood, form));
            for (likelihood, normalise) in likelihoods.into_iter().flat_map(forms) {
                let normalise = if normalise.is_empty() { String::new() } else { format!("normalise = '{normalise}'") };
                let config = config(&format!("decoding = '{decoding}'\n{normalise}"));
                let sizes = sizes(2, targets);
                config.check(sizes, likelihood).unwrap();
                let model = config.init(sizes, likelihood, &device);
                assert_eq!(model.num_params() as f64, config.num_params(sizes, likelihood));
                let (parameters, values) = model.forward_train(windows.batch(&[10, 20, 30], &device));
                let steps = if model.is_autoregressive() { 6 - 1 + 4 } else { 4 };
                let expected = ([3, steps, targets, likelihood.width()], [3, steps, targets]);
                assert_eq!((parameters.dims(), values.dims()), expected);
            }
        }
    }

    #[test]
    fn settings_that_exclude_each_other_are_refused() {
        let autoregressive = config("decoding = 'autoregressive'");
        assert!(
            autoregressive.check(sizes(3, 2), Likelihood::Mae).is_err_and(|error| error.setting == "data.covariates")
        );
        assert!(
            autoregressive.check(sizes(2, 2), Likelihood::Quantiles).is_err_and(|error| error.setting == "model.loss")
        );
        let normalised = config("decoding = 'direct'\nnormalise = 'last'");
        assert!(
            normalised.check(sizes(2, 2), Likelihood::Direction).is_err_and(|error| error.setting == "model.normalise")
        );
    }

    #[test]
    fn rows_are_repeated_in_place() {
        let tensor = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &Device::flex()).reshape([2, 2, 1]);
        let numbers = |dim| -> Vec<f32> { repeated(tensor.clone(), dim, 2).into_data().iter::<f32>().collect() };
        assert_eq!(numbers(0), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(numbers(1), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    }

    /// With a loss without a distribution, the first step of a sample path equals the forecast of this step under
    /// teacher forcing.
    #[test]
    fn paths_continue_from_their_samples() {
        let device = Device::flex();
        let windows = windows(60, 2);
        let model =
            config("decoding = 'autoregressive'\nnormalise = 'window'").init(sizes(2, 2), Likelihood::Mae, &device);
        let (path, paths) = model.sample_paths(&windows.batch(&[20, 30], &device));
        assert_eq!((paths, path.len()), (1, 2 * 4 * 2));
        let (parameters, _) = model.forward_train(windows.batch(&[20, 30], &device));
        let first: Vec<f32> = numbers(parameters.narrow(1, 6 - 1, 1));
        approx::assert_abs_diff_eq!(path[..2], first[..2], epsilon = 1e-5);
        approx::assert_abs_diff_eq!(path[8..10], first[2..], epsilon = 1e-5);
        // The samples of a window do not depend on the batch.
        let model = config("decoding = 'autoregressive'").init(sizes(2, 2), Likelihood::StudentT, &device);
        let (together, paths) = model.sample_paths(&windows.batch(&[20, 30], &device));
        let (alone, _) = model.sample_paths(&windows.batch(&[30], &device));
        assert_eq!(paths, PATHS);
        approx::assert_abs_diff_eq!(together[alone.len()..], alone[..], epsilon = 1e-4);
        assert!(alone[..8] != alone[8..16], "the paths differ");
    }
}
