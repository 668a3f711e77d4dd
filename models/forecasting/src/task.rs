//! Forecasting as a [`Task`]: what the shared trainer and command line need to know.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use datasets::Series;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use training::package::{load_fitted, save_fitted};
use training::weights::WeightNames;
use training::{
    Carry, Changes, Context, Demonstration, Loss, Metrics, Monitor, Outcome, RecipeOf, Splits, Task, TaskResult, say,
};

use crate::data::{DataConfig, apart};
use crate::forecast::Forecast;
use crate::frame::{Scaler, Windows};
use crate::head::Head;
use crate::measure::Costs;
use crate::model::{Architecture, Model, Sizes};
use crate::options::SeriesOptions;
use crate::verbs::Verb;
use crate::{demonstration, direction, measure, volatility};

const SCALER: &str = "scaler.json";

/// Forecasting: what comes next in a series of numbers.
pub struct Forecasting {
    /// Which series, and how it is cut.
    pub data: DataConfig,
    /// Which model.
    pub architecture: Architecture,
    /// How values are standardised.
    pub scaler: Scaler,
}

impl Task for Forecasting {
    const PACKAGE: &'static str = "forecasting";
    const ABOUT: &'static str = "Tells what comes next in a series of numbers, beside honest yardsticks.";
    const RECIPES: &'static [&'static str] = &[
        include_str!("../recipes/quick.toml"),
        include_str!("../recipes/weather-temperature-24h.toml"),
        include_str!("../recipes/energy-day-ahead.toml"),
        include_str!("../recipes/stock-volatility.toml"),
        include_str!("../recipes/stock-direction.toml"),
        include_str!("../recipes/etth1-96.toml"),
        include_str!("../recipes/etth1-96-linear.toml"),
        include_str!("../recipes/weather-96.toml"),
        include_str!("../recipes/weather-96-linear.toml"),
        include_str!("../recipes/own-series.toml"),
    ];
    const PRETRAINED: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/pretrained");
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const CARD: &'static str = include_str!("card.md");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("forecast --run RUN", "what comes after the last row, with intervals"),
        ("backtest --recipe RUN/recipe.toml", "the same, learned anew as time goes on"),
        ("train --csv FILE --target COLUMN", "learn a table of your own"),
    ];
    const MONITOR: Monitor = Monitor { metric: "loss", higher_is_better: false };
    const ITEMS: &'static str = "windows";

    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = Series;
    type Set = Windows;
    type Model = Model;
    /// Origins of windows.
    type Batch = Vec<usize>;
    type Verb = Verb;
    type Options = SeriesOptions;

    fn changes(options: &SeriesOptions) -> TaskResult<Changes> {
        options.changes()
    }

    fn load(data: &DataConfig, data_dir: Option<&Path>) -> TaskResult<Series> {
        let series = data.load(data_dir)?;
        series.notes.iter().for_each(|note| say(&format!("data: {note}")));
        let (rows, step, season) = (series.len(), apart(series.step()), data.season(&series));
        say(&format!("data: {rows} rows {step} apart, a season being {season} of them"));
        Ok(series)
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
        let path = dir.join(SCALER);
        let scaler: Scaler = load_fitted(&path)?;
        if !scaler.is_valid() {
            return Err(format!("{}: a number is out of range; export the package again", path.display()).into());
        }
        Self::new(recipe, scaler)
    }

    fn encode(&self, series: Series) -> TaskResult<Splits<Windows>> {
        self.data.windows(&series, &self.scaler)
    }

    fn num_params(&self) -> f64 {
        self.architecture.num_params(self.sizes())
    }

    fn init(&self, device: &Device) -> Model {
        self.architecture.init(self.sizes(), device)
    }

    /// All windows once, in random order.
    fn batches(&self, windows: &Windows, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let mut origins = windows.origins.clone();
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
        let (said, values) = model.teach(windows, origins, device); // [B, S, T, P], [B, S, T]
        Loss { mean: self.architecture.loss.cost(said, values, &self.scaler), count: origins.len() }
    }

    /// The loss alone: the rest takes longer, and chooses nothing.
    fn watch(&self, model: &Model, windows: &Windows, device: &Device) -> Metrics {
        Metrics::from([("loss".to_owned(), measure::cost(model, self.architecture.loss, windows, device))])
    }

    fn evaluate(&self, model: &Model, windows: &Windows, device: &Device) -> Metrics {
        let mut metrics = self.watch(model, windows, device);
        let forecast = self.forecasts(model, windows, device);
        metrics.extend(match self.architecture.loss {
            Head::Direction => direction::measure(&forecast, windows),
            Head::Qlike => volatility::measure(&forecast, windows),
            _ => measure::values(&forecast, windows),
        });
        metrics
    }

    fn baselines(&self, splits: &Splits<Windows>) -> TaskResult<BTreeMap<String, Metrics>> {
        Ok(match self.architecture.loss {
            Head::Direction => direction::baselines(&splits.test),
            Head::Qlike => volatility::baselines(&splits.test),
            _ => measure::yardsticks(&splits.test),
        })
    }

    fn demonstrate(
        &self,
        model: &Model,
        outcome: &Outcome,
        test: &Windows,
        device: &Device,
    ) -> TaskResult<Demonstration> {
        demonstration::of(self, model, outcome, test, device)
    }

    fn run(verb: Verb, context: &Context) -> TaskResult<()> {
        verb.run(context)
    }
}

impl Forecasting {
    /// Forecasts of all windows, standardised, with calibrated intervals.
    pub fn forecasts(&self, model: &Model, windows: &Windows, device: &Device) -> Forecast {
        measure::forecasts(model, self.architecture.loss, windows, device)
    }

    /// What they cost, window by window, beside the yardsticks.
    pub fn costs(&self, forecast: &Forecast, windows: &Windows) -> Vec<Costs> {
        match self.architecture.loss {
            Head::Direction => vec![direction::costs(forecast, windows)],
            Head::Qlike => volatility::costs(forecast, windows).into(),
            _ => vec![measure::absolute_errors(forecast, windows)],
        }
    }

    fn sizes(&self) -> Sizes {
        let (look_back, horizon) = (self.data.look_back.get(), self.data.horizon.get());
        let columns = self.scaler.columns.len();
        Sizes { look_back, horizon, columns, targets: columns - self.data.covariates.len() }
    }

    fn new(recipe: &RecipeOf<Self>, scaler: Scaler) -> TaskResult<Self> {
        if scaler.columns.len() <= recipe.data.covariates.len() {
            return Err("there is no column to forecast; name one in data.target".into());
        }
        let task = Self { data: recipe.data.clone(), architecture: recipe.model.clone(), scaler };
        task.architecture.check(task.sizes())?;
        Ok(task)
    }
}
