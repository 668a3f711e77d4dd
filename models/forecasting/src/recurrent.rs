//! An Elman network, LSTM or GRU that reads all columns and the calendar, and tells of the targets to come: all steps at once, or
//! each from the one before.
//!
//! ```text
//! direct          [B, L, C + K] ─► rnn ─► last state [B, N] ─┐
//!                 calendar of the steps to come [B, H, K] ───┴─► linear, ReLU [B, H, N] ─► linear [B, H, T·P]
//! autoregressive  value of the step before, calendar of this one [B, L − 1 + H, T + K] ─► rnn ─► linear [B, L − 1 + H, T·P]
//! ```
//!
//! C columns of which T are targets, K numbers of the calendar, P numbers said of each value. The direct form is the decoder of
//! [Wen et al. 2017](https://arxiv.org/abs/1711.11053) with one state for all steps; the other one is DeepAR
//! ([Salinas et al. 2017](https://arxiv.org/abs/1704.04110)), which learns from true values, and forecasts by drawing many
//! futures, each step from the distribution that the draws before it lead to.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rnn::{Cell, Rnn, RnnConfig, State, dense};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};

use crate::frame::{CALENDAR, Windows};
use crate::head::Head;

/// `[model]` of a recipe with `kind = "recurrent"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// The recurrence.
    pub cell: Cell,
    /// Features of a state, N.
    pub hidden_size: Count,
    /// Layers on one another.
    pub layers: Count,
    /// Dropout between layers and of what is said from.
    #[serde(default)]
    pub dropout: Fraction,
    /// How the steps to come are told.
    pub decoding: Decoding,
    /// What is taken off each window, and put back on its forecast; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
}

/// How the steps to come are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// All at once.
    Direct,
    /// Each from the one before.
    Autoregressive,
}

/// What is taken off each window, column by column, and put back on its forecast, so that a level never seen in training does no
/// harm ([Kim et al. 2022](https://openreview.net/forum?id=cGDAkQo1C0p), reversible instance normalisation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Mean and deviation of the steps that are read.
    Window,
    /// The last value.
    Last,
}

/// Futures that are drawn of each window.
const PATHS: usize = 100;
/// The least deviation that a window is divided by, standardised.
const FLATTEST: f64 = 0.05;

/// The network. See [the module](self) for its shape.
#[derive(Module, Debug)]
pub struct Recurrent {
    /// C + K → N, or T + K → N
    pub rnn: Rnn,
    /// The direct form's own.
    pub steps: Option<Steps>,
    /// Of what is said from.
    pub dropout: Dropout,
    /// N → T·P
    pub output: Linear,
    #[module(skip)]
    normalise: Option<Normalise>,
    #[module(skip)]
    head: Head,
}

/// What makes of one state as many as there are steps to come.
#[derive(Module, Debug)]
pub struct Steps {
    /// N + K → N
    pub map: Linear,
    /// Added for each step, `[H, N]`.
    pub positions: Param<Tensor<2>>,
}

/// What a window is measured by: `[B, 1, C]` each.
struct Scale {
    mean: Tensor<3>,
    deviation: Tensor<3>,
}

impl RecurrentConfig {
    /// Why this does not fit look-back, columns, targets and what is said, if it does not.
    pub fn check(&self, look_back: usize, columns: usize, targets: usize, head: Head) -> Result<(), String> {
        if self.decoding == Decoding::Autoregressive && look_back < 2 {
            return Err("model.decoding = \"autoregressive\" needs data.look_back of at least 2".to_owned());
        }
        if self.decoding == Decoding::Autoregressive && columns > targets {
            return Err(
                "model.decoding = \"autoregressive\" cannot read covariates, whose future nobody knows; make them \
                        targets, or take \"direct\""
                    .to_owned(),
            );
        }
        if self.normalise.is_some() && matches!(head, Head::Direction | Head::Qlike) {
            return Err("model.normalise changes what is above zero and what is a variance; leave it out".to_owned());
        }
        if self.decoding == Decoding::Autoregressive && head == Head::Quantiles {
            return Err("from model.loss = \"quantiles\" no value can be drawn to go on from; take \"gaussian\" or \
                        \"student-t\", or model.decoding = \"direct\""
                .to_owned());
        }
        Ok(())
    }

    /// The network with random weights.
    pub fn init(&self, columns: usize, targets: usize, horizon: usize, head: Head, device: &Device) -> Recurrent {
        let hidden = self.hidden_size.get();
        let direct = self.decoding == Decoding::Direct;
        let steps = || Steps {
            map: LinearConfig::new(hidden + CALENDAR, hidden).init(device),
            positions: Initializer::Normal { mean: 0.0, std: 0.1 }.init([horizon, hidden], device),
        };
        Recurrent {
            rnn: self.rnn(columns).init(device),
            steps: direct.then(steps),
            dropout: DropoutConfig::new(self.dropout.get()).init(),
            output: LinearConfig::new(hidden, targets * head.width()).init(device),
            normalise: self.normalise,
            head,
        }
    }

    /// How many parameters [`init`](Self::init) makes.
    pub fn num_params(&self, columns: usize, targets: usize, horizon: usize, head: Head) -> f64 {
        let hidden = self.hidden_size.get() as f64;
        let steps = (hidden + CALENDAR as f64 + 1.0 + horizon as f64) * hidden;
        let steps = if self.decoding == Decoding::Direct { steps } else { 0.0 };
        self.rnn(columns).num_params() + steps + (hidden + 1.0) * (targets * head.width()) as f64
    }

    fn rnn(&self, columns: usize) -> RnnConfig {
        RnnConfig::new(self.cell, columns + CALENDAR, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_dropout(self.dropout.get())
    }
}

impl Recurrent {
    /// What is said of each step to come, and the values that came: `[B, S, T, P]` and `[B, S, T]`. The direct form has S = H; the
    /// other one tells of the steps that are read too, each from the true value before it: S = L − 1 + H.
    pub fn teach(&self, windows: &Windows, origins: &[usize], device: &Device) -> (Tensor<4>, Tensor<3>) {
        let targets = windows.targets(origins, device); // [B, H, T]
        if self.steps.is_some() {
            return (self.tell(windows, origins, device), targets);
        }
        let inputs = windows.inputs(origins, device); // [B, L, T]
        let scale = self.scale(&inputs);
        let values = Tensor::cat(vec![inputs, targets], 1); // [B, L + H, T]
        let steps = values.dims()[1] - 1;
        let before = scale.take_off(values.clone().narrow(1, 0, steps));
        let calendar = windows.calendar(origins, device).narrow(1, 1, steps);
        let (states, _) = self.rnn.forward(Tensor::cat(vec![before, calendar], 2), None, None); // [B, S, N]
        (self.say(states, &scale), values.narrow(1, 1, steps))
    }

    /// What is said of each step to come, all at once: `[B, H, T, P]`; of the direct form.
    pub fn tell(&self, windows: &Windows, origins: &[usize], device: &Device) -> Tensor<4> {
        let inputs = windows.inputs(origins, device); // [B, L, C]
        let scale = self.scale(&inputs);
        let look_back = windows.look_back;
        let calendar = windows.calendar(origins, device); // [B, L + H, K]
        let read = Tensor::cat(vec![scale.take_off(inputs), calendar.clone().narrow(1, 0, look_back)], 2);
        let (states, _) = self.rnn.forward(read, None, None);
        let last = states.narrow(1, look_back - 1, 1); // [B, 1, N]

        let [batch, _, hidden] = last.dims();
        let to_come = calendar.narrow(1, look_back, windows.horizon); // [B, H, K]
        let last = last.expand([batch, windows.horizon, hidden]);
        let states = match &self.steps {
            Some(Steps { map, positions }) => {
                relu(dense(map, Tensor::cat(vec![last, to_come], 2)) + positions.val().unsqueeze_dim(0))
            }
            None => last,
        }; // [B, H, N]
        self.say(states, &scale)
    }

    /// Whether the steps to come are told one after the other, by [`paths`](Self::paths).
    pub fn is_autoregressive(&self) -> bool {
        self.steps.is_none()
    }

    /// Futures drawn of each window, `[B, R, H, T]` in order: R of them, or one alone if what is said is a number. What is drawn
    /// hangs on the window and not on what it is measured together with.
    pub fn paths(&self, windows: &Windows, origins: &[usize], device: &Device) -> (Vec<f32>, usize) {
        let targets = windows.frame.targets;
        let paths = if self.head.has_intervals() { PATHS } else { 1 };
        let inputs = windows.inputs(origins, device); // [B, L, T]
        let scale = self.scale(&inputs);
        let (look_back, rows) = (windows.look_back, origins.len() * paths);
        let calendar = windows.calendar(origins, device); // [B, L + H, K]

        let read = scale.take_off(inputs.clone()).narrow(1, 0, look_back - 1);
        let read = Tensor::cat(vec![read, calendar.clone().narrow(1, 1, look_back - 1)], 2);
        let (_, state) = self.rnn.forward(read, None, None);
        let mut state =
            State { hidden: repeated(state.hidden, 1, paths), cell: state.cell.map(|cell| repeated(cell, 1, paths)) }; // [layers, B·R, N]
        let scale = scale.repeated(paths); // [B·R, 1, T]
        let mut value = repeated(inputs.narrow(1, look_back - 1, 1), 0, paths); // [B·R, 1, T]

        let rng = |(row, origin): (usize, &usize)| {
            let mut rng = ChaCha8Rng::seed_from_u64(*origin as u64);
            rng.set_stream((row % paths) as u64);
            rng
        };
        let all = origins.iter().flat_map(|origin| std::iter::repeat_n(origin, paths));
        let mut rngs: Vec<ChaCha8Rng> = all.enumerate().map(rng).collect();
        let mut drawn = vec![0.0; rows * windows.horizon * targets];
        for step in 0..windows.horizon {
            let now = repeated(calendar.clone().narrow(1, look_back + step, 1), 0, paths); // [B·R, 1, K]
            let input = Tensor::cat(vec![scale.take_off(value), now], 2).squeeze_dim(1);
            let (output, next) = self.rnn.step(input, state);
            state = next;
            let said = numbers(self.say(output.unsqueeze_dim(1), &scale)); // [B·R, 1, T, P]
            let mut values = Vec::with_capacity(rows * targets);
            for (row, said) in said.chunks(targets * self.head.width()).enumerate() {
                values.extend(said.chunks(self.head.width()).map(|said| self.head.draw(said, &mut rngs[row])));
            }
            for (row, values) in values.chunks(targets).enumerate() {
                drawn[(row * windows.horizon + step) * targets..][..targets].copy_from_slice(values);
            }
            value = Tensor::from_data(TensorData::new(values, [rows, 1, targets]), device);
        }
        (drawn, paths)
    }

    /// What is said from states: `[B, S, N]` → `[B, S, T, P]`.
    fn say(&self, states: Tensor<3>, scale: &Scale) -> Tensor<4> {
        let [batch, steps, _] = states.dims();
        let outputs = dense(&self.output, self.dropout.forward(states)); // [B, S, T·P]
        let width = self.head.width();
        let targets = outputs.dims()[2] / width;
        let said = self.head.said(outputs.reshape([batch, steps, targets, width]));
        if self.normalise.is_none() {
            return said;
        }
        let of = |numbers: &Tensor<3>| numbers.clone().narrow(2, 0, targets).unsqueeze_dim::<4>(3); // [B, 1, T, 1]
        self.head.rescale(said, of(&scale.mean), of(&scale.deviation))
    }

    fn scale(&self, inputs: &Tensor<3>) -> Scale {
        let [batch, look_back, columns] = inputs.dims();
        let ones = || Tensor::ones([batch, 1, columns], &inputs.device());
        match self.normalise {
            None => Scale { mean: ones().zeros_like(), deviation: ones() },
            Some(Normalise::Last) => Scale { mean: inputs.clone().narrow(1, look_back - 1, 1), deviation: ones() },
            Some(Normalise::Window) => {
                let (variance, mean) = inputs.clone().var_mean_bias(1);
                Scale { mean, deviation: variance.sqrt().clamp_min(FLATTEST) }
            }
        }
    }
}

impl Scale {
    fn take_off(&self, values: Tensor<3>) -> Tensor<3> {
        (values - self.mean.clone()) / self.deviation.clone()
    }

    fn repeated(self, times: usize) -> Self {
        Self { mean: repeated(self.mean, 0, times), deviation: repeated(self.deviation, 0, times) }
    }
}

/// Every row along `dim` so many times, each behind itself.
fn repeated(tensor: Tensor<3>, dim: usize, times: usize) -> Tensor<3> {
    let mut shape = tensor.dims();
    let mut wide = [shape[0], shape[1], shape[2], 0];
    wide.copy_within(dim + 1..3, dim + 2);
    wide[dim + 1] = times;
    shape[dim] *= times;
    tensor.unsqueeze_dim::<4>(dim + 1).expand(wide).reshape(shape)
}

fn numbers(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::windows;

    fn config(more: &str) -> RecurrentConfig {
        toml::from_str(&format!("cell = 'gru'\nhidden_size = 6\nlayers = 2\n{more}")).unwrap()
    }

    #[test]
    fn every_form_tells_of_every_step() {
        let device = Device::flex();
        for (decoding, heads) in [
            ("direct", vec![Head::Mae, Head::Gaussian, Head::StudentT, Head::Quantiles]),
            ("autoregressive", vec![Head::Mae, Head::Gaussian, Head::StudentT]),
        ] {
            let windows = windows(60, if decoding == "direct" { 1 } else { 2 });
            let targets = windows.frame.targets;
            for (head, normalise) in heads.into_iter().flat_map(|head| ["", "window", "last"].map(|form| (head, form)))
            {
                let normalise = if normalise.is_empty() { String::new() } else { format!("normalise = '{normalise}'") };
                let config = config(&format!("decoding = '{decoding}'\n{normalise}"));
                config.check(6, 2, targets, head).unwrap();
                let model = config.init(2, targets, 4, head, &device);
                assert_eq!(model.num_params() as f64, config.num_params(2, targets, 4, head));
                let (said, values) = model.teach(&windows, &[10, 20, 30], &device);
                let steps = if model.is_autoregressive() { 6 - 1 + 4 } else { 4 };
                assert_eq!((said.dims(), values.dims()), ([3, steps, targets, head.width()], [3, steps, targets]));
            }
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let autoregressive = config("decoding = 'autoregressive'");
        assert!(autoregressive.check(6, 3, 2, Head::Mae).unwrap_err().contains("covariates"));
        assert!(autoregressive.check(6, 2, 2, Head::Quantiles).unwrap_err().contains("student-t"));
        let normalised = config("decoding = 'direct'\nnormalise = 'last'");
        assert!(normalised.check(6, 2, 2, Head::Direction).unwrap_err().contains("model.normalise"));
    }

    #[test]
    fn rows_are_repeated_behind_themselves() {
        let tensor = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &Device::flex()).reshape([2, 2, 1]);
        let numbers = |dim| -> Vec<f32> { repeated(tensor.clone(), dim, 2).into_data().iter::<f32>().collect() };
        assert_eq!(numbers(0), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(numbers(1), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    }

    /// The path of a network that says numbers is what it would say if each number came true.
    #[test]
    fn a_path_goes_on_from_what_was_said() {
        let device = Device::flex();
        let windows = windows(60, 2);
        let model = config("decoding = 'autoregressive'\nnormalise = 'window'").init(2, 2, 4, Head::Mae, &device);
        let (path, paths) = model.paths(&windows, &[20, 30], &device);
        assert_eq!((paths, path.len()), (1, 2 * 4 * 2));
        let (said, _) = model.teach(&windows, &[20, 30], &device);
        let first: Vec<f32> = numbers(said.narrow(1, 6 - 1, 1));
        approx::assert_abs_diff_eq!(path[..2], first[..2], epsilon = 1e-5);
        approx::assert_abs_diff_eq!(path[8..10], first[2..], epsilon = 1e-5);
        // Alone, and of a distribution too: each window draws for itself.
        let model = config("decoding = 'autoregressive'").init(2, 2, 4, Head::StudentT, &device);
        let (together, paths) = model.paths(&windows, &[20, 30], &device);
        let (alone, _) = model.paths(&windows, &[30], &device);
        assert_eq!(paths, PATHS);
        approx::assert_abs_diff_eq!(together[alone.len()..], alone[..], epsilon = 1e-4);
        assert!(alone[..8] != alone[8..16], "the futures differ");
    }
}
