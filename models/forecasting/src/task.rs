//! Forecasting as a [`Task`]: what the shared trainer and command line need to know.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use datasets::Series;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use training::cli::NoOptions;
use training::package::{load_fitted, save_fitted};
use training::weights::WeightNames;
use training::{Carry, Context, Loss, Metrics, Monitor, RecipeOf, Splits, Task, TaskResult};

use crate::classical::{persistence, seasonal_persistence};
use crate::data::DataConfig;
use crate::frame::{Scaler, Windows};
use crate::linear::{LinearModel, LinearModelConfig};
use crate::segrnn::{SegRnn, SegRnnConfig};

/// Windows that are measured together.
const MEASURE_BATCH: usize = 64;
const SCALER: &str = "scaler.json";

/// `[model]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ModelConfig {
    /// Segments read and written by a GRU.
    SegRnn(SegRnnConfig),
    /// A linear map.
    Linear(LinearModelConfig),
}

/// A model.
#[expect(clippy::large_enum_variant, reason = "there is one, not an array of them")]
#[derive(Module, Debug)]
pub enum Model {
    /// Segments read and written by a GRU.
    SegRnn(SegRnn),
    /// A linear map.
    Linear(LinearModel),
}

impl Model {
    /// Standardised forecasts of all columns: `[B, L, C]` → `[B, H, C]`.
    pub fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        match self {
            Self::SegRnn(model) => model.forward(inputs),
            Self::Linear(model) => model.forward(inputs),
        }
    }
}

/// What is made small by training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// Absolute errors: what is forecast is the median.
    Mae,
    /// Squared errors: what is forecast is the mean.
    Mse,
}

/// `[model]` and what it is trained for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Architecture {
    /// What training makes small.
    pub loss: Cost,
    /// The model.
    #[serde(flatten)]
    pub model: ModelConfig,
}

/// Forecasting: what comes next in a series of numbers.
pub struct Forecasting {
    data: DataConfig,
    architecture: Architecture,
    scaler: Scaler,
}

impl Task for Forecasting {
    const PACKAGE: &'static str = "forecasting";
    const ABOUT: &'static str = "Tells what comes next in a series of numbers, beside honest yardsticks.";
    const RECIPES: &'static [&'static str] = &[
        include_str!("../recipes/etth1-96.toml"),
        include_str!("../recipes/etth1-96-linear.toml"),
        include_str!("../recipes/weather-96.toml"),
        include_str!("../recipes/weather-96-linear.toml"),
    ];
    const PRETRAINED: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/pretrained");
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const CARD: &'static str = "";
    const NEXT: &'static [(&'static str, &'static str)] = &[];
    const MONITOR: Monitor = Monitor { metric: "mse", higher_is_better: false };
    const ITEMS: &'static str = "windows";

    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = Series;
    type Set = Windows;
    type Model = Model;
    /// Origins of windows.
    type Batch = Vec<usize>;
    type Verb = Verb;
    type Options = NoOptions;

    fn load(data: &DataConfig, data_dir: Option<&Path>) -> TaskResult<Series> {
        data.load(data_dir)
    }

    fn fingerprint(series: &Series) -> String {
        series.source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, series: &Series) -> TaskResult<Self> {
        Self::new(recipe, recipe.data.scaler(series)?)
    }

    fn save(&self, dir: &Path) -> TaskResult<()> {
        Ok(save_fitted(&self.scaler, &dir.join(SCALER))?)
    }

    fn open(recipe: &RecipeOf<Self>, dir: &Path) -> TaskResult<Self> {
        Self::new(recipe, load_fitted(&dir.join(SCALER))?)
    }

    fn encode(&self, series: Series) -> TaskResult<Splits<Windows>> {
        self.data.windows(&series, &self.scaler)
    }

    fn num_params(&self) -> f64 {
        let (look_back, horizon) = (self.data.look_back.get(), self.data.horizon.get());
        match &self.architecture.model {
            ModelConfig::SegRnn(config) => config.num_params(self.scaler.columns.len(), horizon),
            ModelConfig::Linear(config) => config.num_params(look_back, horizon),
        }
    }

    fn init(&self, device: &Device) -> Model {
        let (look_back, horizon) = (self.data.look_back.get(), self.data.horizon.get());
        match &self.architecture.model {
            ModelConfig::SegRnn(config) => Model::SegRnn(config.init(self.scaler.columns.len(), horizon, device)),
            ModelConfig::Linear(config) => Model::Linear(config.init(look_back, horizon, device)),
        }
    }

    /// All windows once, in random order.
    fn batches(&self, windows: &Windows, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let mut origins: Vec<usize> = windows.origins.clone().collect();
        origins.shuffle(rng);
        origins.chunks(size).map(<[usize]>::to_vec).collect()
    }

    fn loss(
        &self,
        model: &Model,
        windows: &Windows,
        origins: &Vec<usize>,
        _carry: &mut Carry,
        _rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss {
        let errors = errors(model, windows, origins, device); // [B, H, targets]
        let mean = match self.architecture.loss {
            Cost::Mae => errors.abs().mean(),
            Cost::Mse => errors.square().mean(),
        };
        Loss { mean, count: origins.len() }
    }

    /// Over all windows, steps and targets, standardised.
    fn evaluate(&self, model: &Model, windows: &Windows, device: &Device) -> Metrics {
        let (mut squares, mut sizes, mut count) = (0.0, 0.0, 0);
        let origins: Vec<usize> = windows.origins.clone().collect();
        for origins in origins.chunks(MEASURE_BATCH) {
            let errors = errors(model, windows, origins, device);
            count += errors.dims().iter().product::<usize>();
            squares += f64::from(errors.clone().square().sum().into_scalar::<f32>());
            sizes += f64::from(errors.abs().sum().into_scalar::<f32>());
        }
        metrics(squares / count as f64, sizes / count as f64)
    }

    fn baselines(&self, splits: &Splits<Windows>) -> TaskResult<BTreeMap<String, Metrics>> {
        let season = self.data.season.get();
        let horizon = self.data.horizon.get();
        Ok(BTreeMap::from([
            ("persistence".to_owned(), yardstick(&splits.test, |past| persistence(past, horizon))),
            (
                "seasonal persistence".to_owned(),
                yardstick(&splits.test, |past| seasonal_persistence(past, season, horizon)),
            ),
        ]))
    }

    fn demonstrate(&self, _model: &Model, _device: &Device) -> Vec<String> {
        Vec::new()
    }

    fn run(verb: Verb, _context: &Context) -> TaskResult<()> {
        match verb {}
    }
}

/// The verbs of this application.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {}

impl Forecasting {
    fn new(recipe: &RecipeOf<Self>, scaler: Scaler) -> TaskResult<Self> {
        if let ModelConfig::SegRnn(config) = &recipe.model.model {
            config.check(recipe.data.look_back.get(), recipe.data.horizon.get())?;
        }
        Ok(Self { data: recipe.data.clone(), architecture: recipe.model.clone(), scaler })
    }
}

/// Forecast less truth, `[B, H, targets]`.
fn errors(model: &Model, windows: &Windows, origins: &[usize], device: &Device) -> Tensor<3> {
    let targets = windows.targets(origins, device);
    let forecast = model.forward(windows.inputs(origins, device)); // [B, H, C]
    forecast.narrow(2, 0, windows.frame.targets) - targets
}

fn metrics(mse: f64, mae: f64) -> Metrics {
    [("loss", mse), ("mse", mse), ("mae", mae)].map(|(name, value)| (name.to_owned(), value)).into()
}

/// How far off a yardstick is, over all windows, steps and targets; it sees the look-back of one target at a time.
fn yardstick(windows: &Windows, forecast: impl Fn(&[f64]) -> Vec<f64>) -> Metrics {
    let (mut squares, mut sizes, mut count) = (0.0, 0.0, 0);
    for origin in windows.origins.clone() {
        for target in 0..windows.frame.targets {
            let value = |row: usize| f64::from(windows.frame.value(row, target));
            let past: Vec<f64> = (origin - windows.look_back..origin).map(value).collect();
            for (forecast, row) in forecast(&past).into_iter().zip(origin..origin + windows.horizon) {
                let error = forecast - value(row);
                squares += error * error;
                sizes += error.abs();
                count += 1;
            }
        }
    }
    metrics(squares / f64::from(count), sizes / f64::from(count))
}
