//! `[model]` of a recipe, and the models on offer: what each is, is told by its own file.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::forecast::{self, Forecast};
use crate::frame::Windows;
use crate::head::Head;
use crate::linear::{LinearModel, LinearModelConfig};
use crate::recurrent::{Recurrent, RecurrentConfig};
use crate::segrnn::{SegRnn, SegRnnConfig};

/// `[model]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Architecture {
    /// What training makes small, and so what the model says.
    pub loss: Head,
    /// The model.
    #[serde(flatten)]
    pub kind: Kind,
}

/// Which model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// Segments read and written by a GRU.
    SegRnn(SegRnnConfig),
    /// A linear map.
    Linear(LinearModelConfig),
    /// An Elman network, LSTM or GRU.
    Recurrent(RecurrentConfig),
}

/// A model.
#[derive(Module, Debug)]
pub enum Model {
    /// Segments read and written by a GRU.
    SegRnn(SegRnn),
    /// A linear map.
    Linear(LinearModel),
    /// An Elman network, LSTM or GRU.
    Recurrent(Recurrent),
}

/// The sizes that data give a model.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Steps that are read, L.
    pub look_back: usize,
    /// Steps that are forecast, H.
    pub horizon: usize,
    /// Columns that are read, C.
    pub columns: usize,
    /// Columns that are forecast, T: the first of those.
    pub targets: usize,
}

impl Architecture {
    /// Why the sizes do not fit, if they do not.
    pub fn check(&self, sizes: Sizes) -> Result<(), String> {
        let Sizes { look_back, horizon, columns, targets } = sizes;
        if matches!(self.loss, Head::Qlike | Head::Direction) && (horizon, targets) != (1, 1) {
            return Err(
                "model.loss = \"qlike\" and \"direction\" are of one step and one target; set data.horizon = 1 and \
                        name one column in data.target"
                    .to_owned(),
            );
        }
        match &self.kind {
            Kind::Recurrent(config) => config.check(look_back, columns, targets, self.loss),
            _ if self.loss.width() > 1 => Err(
                "model.loss asks for more than a number of each value, which model.kind = \"recurrent\" alone can say"
                    .to_owned(),
            ),
            Kind::SegRnn(config) => config.check(look_back, horizon),
            Kind::Linear(_) => Ok(()),
        }
    }

    /// How many parameters [`init`](Self::init) makes.
    pub fn num_params(&self, sizes: Sizes) -> f64 {
        let Sizes { look_back, horizon, columns, targets } = sizes;
        match &self.kind {
            Kind::SegRnn(config) => config.num_params(columns, horizon),
            Kind::Linear(config) => config.num_params(look_back, horizon),
            Kind::Recurrent(config) => config.num_params(columns, targets, horizon, self.loss),
        }
    }

    /// The model with random weights.
    pub fn init(&self, sizes: Sizes, device: &Device) -> Model {
        let Sizes { look_back, horizon, columns, targets } = sizes;
        match &self.kind {
            Kind::SegRnn(config) => Model::SegRnn(config.init(columns, horizon, device)),
            Kind::Linear(config) => Model::Linear(config.init(look_back, horizon, device)),
            Kind::Recurrent(config) => Model::Recurrent(config.init(columns, targets, horizon, self.loss, device)),
        }
    }
}

impl Model {
    /// What is said of each step that the model learns from, and the values that came: `[B, S, T, P]` and `[B, S, T]`.
    pub fn teach(&self, windows: &Windows, origins: &[usize], device: &Device) -> (Tensor<4>, Tensor<3>) {
        match self {
            Self::Recurrent(model) => model.teach(windows, origins, device),
            _ => (self.tell(windows, origins, device), windows.targets(origins, device)),
        }
    }

    /// Forecasts, standardised.
    pub fn forecast(&self, head: Head, windows: &Windows, origins: &[usize], device: &Device) -> Forecast {
        match self {
            Self::Recurrent(model) if model.is_autoregressive() => {
                let (paths, count) = model.paths(windows, origins, device);
                forecast::of_paths(&paths, count, windows.horizon * windows.frame.targets)
            }
            _ => forecast::of_said(head, self.tell(windows, origins, device)),
        }
    }

    /// What is said of each step to come by a model that tells of all at once: `[B, H, T, P]`.
    fn tell(&self, windows: &Windows, origins: &[usize], device: &Device) -> Tensor<4> {
        let all = match self {
            Self::Recurrent(model) => return model.tell(windows, origins, device),
            Self::SegRnn(model) => model.forward(windows.inputs(origins, device)), // [B, H, C]
            Self::Linear(model) => model.forward(windows.inputs(origins, device)),
        };
        all.narrow(2, 0, windows.frame.targets).unsqueeze_dim(3)
    }
}
