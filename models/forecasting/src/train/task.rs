//! Forecasting as a [`Task`]: how a network is trained and measured.

use std::collections::BTreeMap;

use burn::tensor::Device;
use datasets::Series;
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Outcome,
    Pretrained, RecipeOf, Splits, StepContext, Task, TaskError, TaskResult,
};

use super::data::{self, DataConfig, history};
use super::measure::{self, Losses};
use super::{demonstration, direction, volatility};
use crate::calibration::Forecasts;
use crate::forecaster::{Forecaster, SCALER};
use crate::frame::{Batch, Windows};
use crate::likelihood::Likelihood;
use crate::model::{Architecture, Model, Sizes};
use crate::scaler::Scaler;
use crate::settings::{BadSetting, Settings};

/// The training task of `forecasting`: settings of data and model, and the scaler that was fitted to the training part.
pub struct Forecasting {
    data: DataConfig,
    settings: Settings,
    scaler: Scaler,
    sizes: Sizes,
}

impl From<BadSetting> for TaskError {
    fn from(BadSetting { setting, message }: BadSetting) -> Self {
        Self::Setting { setting, message }
    }
}

impl Task for Forecasting {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/weather-temperature-24h.toml"),
        include_str!("../../recipes/energy-day-ahead.toml"),
        include_str!("../../recipes/stock-volatility.toml"),
        include_str!("../../recipes/stock-direction.toml"),
        include_str!("../../recipes/etth1-96.toml"),
        include_str!("../../recipes/etth1-96-linear.toml"),
        include_str!("../../recipes/weather-96.toml"),
        include_str!("../../recipes/weather-96-linear.toml"),
        include_str!("../../recipes/own-series.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "loss", higher_is_better: false };
    const ITEMS: &'static str = "windows";
    const WEIGHT_NAMES: WeightNames = crate::forecaster::WEIGHT_NAMES;

    type Predictor = Forecaster;
    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = Series;
    type Set = Windows;
    type Model = Model;
    /// The origins of the windows in a batch: for each window the index of the first row that is forecast.
    type Items = Vec<usize>;
    type Batch = Batch;

    fn load(config: &DataConfig, cx: &mut LoadContext) -> TaskResult<Series> {
        let series = config.load(&cx.locator)?;
        data::notes(&series).iter().for_each(|note| cx.note(note));
        let history = history(&series);
        let (rows, rhythm, season) = (series.len(), history.rhythm(), config.season(&history));
        let step = if series.numbered { rhythm.step().as_secs_f64().to_string() } else { rhythm.to_string() };
        cx.note(&format!("data: {rows} rows; step: {step}; a season has {season} rows"));
        Ok(series)
    }

    fn fingerprint(series: &Series) -> String {
        series.source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, series: &Series, _: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        Self::new(recipe, recipe.data.scaler(series)?)
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Forecaster) -> TaskResult<Self> {
        Self::new(recipe, predictor.scaler().clone())
    }

    fn encode(&self, series: Series, _: &mut LoadContext) -> TaskResult<Splits<Windows>> {
        self.data.windows(&series, &self.scaler)
    }

    fn num_params(&self) -> f64 {
        self.settings.model.num_params(self.sizes)
    }

    fn init(&self, device: &Device) -> Option<Model> {
        Some(self.settings.model.init(self.sizes, device))
    }

    /// Plans an epoch: every window once, in random order.
    fn plan(&self, windows: &Windows, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let mut origins = windows.origins.clone();
        origins.shuffle(rng);
        origins.chunks(size).map(<[usize]>::to_vec).collect()
    }

    fn collate(&self, windows: &Windows, origins: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<Batch> {
        Ok(windows.batch(origins, cx.device))
    }

    fn loss(&self, model: &Model, batch: Batch, _: &mut StepContext) -> TaskResult<Loss> {
        let count = batch.origins.len();
        let (parameters, values) = model.forward_train(batch); // [B, S, T, P], [B, S, T]
        Ok(Loss { mean: self.settings.model.loss.loss(parameters, values, &self.scaler), count })
    }

    fn predictor(&self, network: Option<Model>, device: &Device) -> TaskResult<Forecaster> {
        let network = network.ok_or_else(|| TaskError::Other("there is no network".to_owned()))?;
        Ok(Forecaster::new(self.settings.clone(), self.scaler.clone(), network, device.clone()))
    }

    fn contents(predictor: &Forecaster) -> TaskResult<Contents<'_, Model>> {
        let failed = |error: serde_json::Error| TaskError::Other(error.to_string());
        let settings = serde_json::to_value(predictor.settings()).map_err(failed)?;
        let scaler = training::files::json(predictor.scaler())?;
        Ok(Contents { settings, network: Some(predictor.network()), files: vec![(SCALER, scaler)] })
    }

    /// Computes only the mean loss, which chooses the best epoch. The other metrics would take longer.
    fn validate(&self, predictor: &Forecaster, windows: &Windows, interrupt: &Interrupt) -> TaskResult<Measured> {
        let loss = predictor.mean_loss(windows, || interrupt.check())?;
        Ok(vec![Metric::lower("loss", loss)].into())
    }

    fn evaluate(&self, predictor: &Forecaster, windows: &Windows, interrupt: &Interrupt) -> TaskResult<Measured> {
        let mut measured = self.validate(predictor, windows, interrupt)?;
        let forecasts = predictor.forecasts(windows, || interrupt.check())?;
        measured.extend(match predictor.likelihood() {
            Likelihood::Direction => direction::measure(&forecasts, windows),
            Likelihood::Qlike => volatility::measure(&forecasts, windows),
            _ => measure::values(&forecasts, windows),
        });
        Ok(measured)
    }

    fn baselines(&self, splits: &Splits<Windows>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        interrupt.check()?;
        let rows = match self.settings.model.loss {
            Likelihood::Direction => direction::baselines(&splits.test),
            Likelihood::Qlike => volatility::baselines(&splits.test),
            _ => measure::baselines(&splits.test),
        };
        Ok(rows.into_iter().map(|(name, metrics)| (name, metrics.into())).collect())
    }

    fn demonstrate(&self, predictor: &Forecaster, outcome: &Outcome, test: &Windows) -> TaskResult<Demonstration> {
        demonstration::of(predictor, &outcome.test, test)
    }
}

impl Forecasting {
    fn new(recipe: &RecipeOf<Self>, scaler: Scaler) -> TaskResult<Self> {
        let data = recipe.data.clone();
        let settings = Settings { data: data.window_settings(), model: recipe.model.clone() };
        let sizes = settings.sizes(&scaler)?;
        Ok(Self { data, settings, scaler, sizes })
    }
}

/// Computes the loss of each window for the model and the baselines, one [`Losses`] per metric. `likelihood` selects
/// the metrics.
pub fn losses(likelihood: Likelihood, forecasts: &Forecasts, windows: &Windows) -> Vec<Losses> {
    match likelihood {
        Likelihood::Direction => vec![direction::losses(forecasts, windows)],
        Likelihood::Qlike => volatility::losses(forecasts, windows).into(),
        _ => vec![measure::absolute_errors(forecasts, windows)],
    }
}
