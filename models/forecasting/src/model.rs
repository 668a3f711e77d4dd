//! The table `[model]` of a recipe (a TOML file with the settings of a training), and the networks that this table can
//! select. Each network is implemented in a separate file.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::calibration::Forecasts;
use crate::frame::{Batch, CALENDAR};
use crate::likelihood::Likelihood;
use crate::linear::{LinearModel, LinearModelConfig};
use crate::recurrent::{Recurrent, RecurrentConfig};
use crate::segrnn::{SegRnn, SegRnnConfig};
use crate::settings::BadSetting;

/// The table `[model]` of a training recipe: the loss, and the network with its settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Architecture {
    /// The training loss, which also determines the output distribution.
    pub loss: Likelihood,
    /// The network and its settings.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The settings of a network. The key `kind` in the table `[model]` selects the variant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// SegRNN: a GRU that reads segments of several time steps instead of single steps.
    SegRnn(SegRnnConfig),
    /// DLinear or NLinear: a linear map.
    Linear(LinearModelConfig),
    /// An Elman network, LSTM or GRU.
    Recurrent(RecurrentConfig),
}

/// The network with its weights, one variant per [`Kind`].
#[derive(Module, Debug)]
pub enum Model {
    /// SegRNN: a GRU that reads segments of several time steps instead of single steps.
    SegRnn(SegRnn),
    /// DLinear or NLinear: a linear map.
    Linear(LinearModel),
    /// An Elman network, LSTM or GRU.
    Recurrent(Recurrent),
}

/// The sizes of the inputs and outputs of a network.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The number of steps that the network reads, L.
    pub look_back: usize,
    /// The number of steps that the network forecasts, H.
    pub horizon: usize,
    /// The number of columns that the network reads only in the look-back, C: targets, and covariates whose future
    /// values are not known.
    pub columns: usize,
    /// The number of columns that are forecast, T: the first T of the columns that are read.
    pub targets: usize,
    /// The number of features per row whose future values are known, K: calendar features and known covariates.
    pub known: usize,
}

impl Architecture {
    /// Checks that the network, the loss and the sizes can be combined.
    pub fn check(&self, sizes: Sizes) -> Result<(), BadSetting> {
        let Sizes { look_back, horizon, targets, known, .. } = sizes;
        if matches!(self.loss, Likelihood::Qlike | Likelihood::Direction) && (horizon, targets) != (1, 1) {
            let message = "the losses qlike and direction need one step and one target; set data.horizon = 1, and name \
                           one column in data.target";
            return Err(BadSetting::new("model.loss", message));
        }
        match &self.kind {
            Kind::Recurrent(config) => config.check(sizes, self.loss),
            _ if known > CALENDAR => Err(BadSetting::new(
                "data.known",
                "only a recurrent network reads columns whose future values are known; set model.kind = \"recurrent\", \
                 or remove data.known",
            )),
            _ if self.loss.width() > 1 => Err(BadSetting::new(
                "model.loss",
                "a loss that predicts a distribution needs model.kind = \"recurrent\"; set this kind, or the loss mae \
                 or mse",
            )),
            Kind::SegRnn(config) => config.check(look_back, horizon),
            Kind::Linear(_) => Ok(()),
        }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, sizes: Sizes) -> f64 {
        let Sizes { look_back, horizon, columns, .. } = sizes;
        match &self.kind {
            Kind::SegRnn(config) => config.num_params(columns, horizon),
            Kind::Linear(config) => config.num_params(look_back, horizon),
            Kind::Recurrent(config) => config.num_params(sizes, self.loss),
        }
    }

    /// Creates the network with random weights.
    pub fn init(&self, sizes: Sizes, device: &Device) -> Model {
        let Sizes { look_back, horizon, columns, .. } = sizes;
        match &self.kind {
            Kind::SegRnn(config) => Model::SegRnn(config.init(columns, horizon, device)),
            Kind::Linear(config) => Model::Linear(config.init(look_back, horizon, device)),
            Kind::Recurrent(config) => Model::Recurrent(config.init(sizes, self.loss, device)),
        }
    }
}

impl Model {
    /// Runs the forward pass for training on B windows, for the T targets at the S steps that the loss covers. Returns
    /// the P parameters of the output distribution of each value, `[B, S, T, P]`, and the observed values, `[B, S, T]`.
    pub fn forward_train(&self, batch: Batch) -> (Tensor<4>, Tensor<3>) {
        match self {
            Self::Recurrent(model) => model.forward_train(batch),
            _ => (self.forward(&batch), batch.targets),
        }
    }

    /// Computes standardised forecasts of a batch of windows. `likelihood` is the loss that the network was trained
    /// with.
    pub fn forecast(&self, likelihood: Likelihood, batch: &Batch) -> Forecasts {
        match self {
            Self::Recurrent(model) if model.is_autoregressive() => {
                let [_, horizon, targets] = batch.targets.dims();
                let (samples, paths) = model.sample_paths(batch);
                Forecasts::of_sample_paths(&samples, paths, horizon * targets)
            }
            _ => Forecasts::of_parameters(likelihood, self.forward(batch)),
        }
    }

    /// Returns the model with a cache of the recurrent weights in the memory layout of the CPU kernels, for faster
    /// inference on the CPU: see [`Rnn::keep_packed`](rnn::Rnn::keep_packed).
    pub fn keep_packed(self) -> Self {
        match self {
            Self::SegRnn(model) => Self::SegRnn(SegRnn { rnn: model.rnn.keep_packed(), ..model }),
            Self::Recurrent(model) => Self::Recurrent(Recurrent { rnn: model.rnn.keep_packed(), ..model }),
            Self::Linear(_) => self,
        }
    }

    /// Computes the P parameters of the output distribution of each of the H future steps and T targets, all steps at
    /// once: `[B, H, T, P]`.
    fn forward(&self, batch: &Batch) -> Tensor<4> {
        let all = match self {
            Self::Recurrent(model) => return model.forward(batch),
            Self::SegRnn(model) => model.forward(batch.inputs.clone()), // [B, H, C]
            Self::Linear(model) => model.forward(batch.inputs.clone()),
        };
        all.narrow(2, 0, batch.targets.dims()[2]).unsqueeze_dim(3)
    }
}
