//! Forecasting as a [`Task`]: how a network is trained and measured.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use datasets::TableSeries;
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rnn::Rows;
use training::collective::Share;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Outcome,
    Pretrained, RecipeOf, Splits, StepContext, Task, TaskError, TaskResult,
};

use super::data::{DataConfig, history};
use super::measure::{self, Losses};
use super::{demonstration, direction, panel, volatility};
use crate::calibration::Forecasts;
use crate::forecaster::{Forecaster, SCALER};
use crate::frame::{Batch, Windows};
use crate::likelihood::Likelihood;
use crate::model::{Architecture, Model, Sizes};
use crate::scaler::Scalers;
use crate::settings::{BadSetting, Settings};

/// The task of training a forecaster: the settings of data and model, and the scaler of each series, which was fitted
/// to the training part of the series.
pub struct Forecasting {
    data: DataConfig,
    settings: Settings,
    scalers: Scalers,
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
    const PATHS: &'static [&'static str] = &["data.file"];

    type Predictor = Forecaster;
    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = Vec<TableSeries>;
    /// The windows of each series.
    type Set = Vec<Windows>;
    type Model = Model;
    /// The windows in a batch: for each window the index of its series, and its origin, which is the index of the first
    /// row that is forecast.
    type Items = Vec<(usize, usize)>;
    /// The windows that this process computes, and the positions of these windows in the whole batch, which several
    /// processes may share.
    type Batch = (Batch, Rows);

    fn load(config: &DataConfig, cx: &mut LoadContext) -> TaskResult<Vec<TableSeries>> {
        let series = config.load(&cx.locator)?;
        panel::notes(&series).iter().for_each(|note| cx.note(&format!("data: {note}")));
        let history = history(&series[0]);
        let (lengths, rhythm, season) = (panel::lengths(&series), history.rhythm(), config.season(&history));
        let step = if history.numbered { rhythm.step().as_secs_f64().to_string() } else { rhythm.to_string() };
        cx.note(&format!("data: {lengths}; step: {step}; a season has {season} rows"));
        Ok(series)
    }

    fn fingerprint(series: &Vec<TableSeries>) -> String {
        series.first().map_or(String::new(), |series| series.past.source.clone())
    }

    fn fit(recipe: &RecipeOf<Self>, series: &Vec<TableSeries>, _: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        let of_one_value = matches!(recipe.model.loss, Likelihood::Direction | Likelihood::Qlike);
        if recipe.data.nonnegative && of_one_value {
            let message = "with the losses qlike and direction, the forecasts are not values of the column; remove \
                           data.nonnegative";
            return Err(TaskError::setting("data.nonnegative", message));
        }
        if !recipe.data.id.is_empty() && of_one_value {
            let message = "the losses qlike and direction support only one series; remove data.id, or change \
                           model.loss";
            return Err(TaskError::setting("data.id", message));
        }
        Self::new(recipe, recipe.data.scalers(series)?)
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Forecaster) -> TaskResult<Self> {
        Self::new(recipe, predictor.scalers().clone())
    }

    fn encode(&self, series: Vec<TableSeries>, cx: &mut LoadContext) -> TaskResult<Splits<Vec<Windows>>> {
        let names: BTreeSet<&str> =
            self.scalers.all().flat_map(|scaler| &scaler.nonnegative).map(String::as_str).collect();
        if !names.is_empty() {
            let names = Vec::from_iter(names).join(", ");
            cx.note(&format!(
                "data: no training value of {names} is below 0, so forecasts below 0 are raised to 0 (to allow values \
                 below 0, remove data.nonnegative)"
            ));
        }
        let mut all = Splits { train: Vec::new(), valid: Vec::new(), test: Vec::new() };
        for series in &series {
            let Splits { train, valid, test } = self.data.windows(&history(series), self.scalers.of(&series.id)?)?;
            all.train.push(train);
            all.valid.push(valid);
            all.test.push(test);
        }
        Ok(all)
    }

    fn num_params(&self) -> f64 {
        self.settings.model.num_params(self.sizes)
    }

    fn init(&self, device: &Device) -> Option<Model> {
        Some(self.settings.model.init(self.sizes, device))
    }

    /// Plans an epoch: every window of every series once, in random order.
    fn plan(&self, set: &Vec<Windows>, size: usize, _: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<(usize, usize)>> {
        let of = |(series, windows): (usize, &Windows)| {
            let origins = windows.origins.clone();
            origins.into_iter().map(move |origin| (series, origin))
        };
        let mut windows: Vec<(usize, usize)> = set.iter().enumerate().flat_map(of).collect();
        windows.shuffle(rng);
        windows.chunks(size).map(<[_]>::to_vec).collect()
    }

    fn collate(
        &self,
        set: &Vec<Windows>,
        items: &Vec<(usize, usize)>,
        cx: &mut CollateContext,
    ) -> TaskResult<Self::Batch> {
        let windows: Vec<(&Windows, usize)> = items.iter().map(|&(series, origin)| (&set[series], origin)).collect();
        Ok((Batch::cut(&windows, cx.device), Rows::all(items.len())))
    }

    fn part(&self, (batch, rows): Self::Batch, share: Share) -> TaskResult<Option<Self::Batch>> {
        Ok(share.own_rows(rows.of).map(|own| (batch.rows(own.clone()), rows.part(own))))
    }

    fn loss(&self, model: &Model, (batch, rows): Self::Batch, _: &mut StepContext) -> TaskResult<Loss> {
        let count = batch.origins.len();
        let (parameters, values) = rows.within(|| model.forward_train(batch)); // [B, S, T, P], [B, S, T]
        // The losses that need the level of the values support only one series, so the first scaler is the scaler of
        // this series. All other losses do not read the scaler.
        let scaler =
            self.scalers.all().next().ok_or_else(|| {
                TaskError::Other("the data have no series; use data with at least one series".to_owned())
            })?;
        Ok(Loss { mean: self.settings.model.loss.loss(parameters, values, scaler), count })
    }

    fn predictor(&self, network: Option<Model>, device: &Device) -> TaskResult<Forecaster> {
        let network = network.ok_or_else(TaskError::without_network)?;
        Ok(Forecaster::new(self.settings.clone(), self.scalers.clone(), network, device.clone()))
    }

    fn contents(predictor: &Forecaster) -> TaskResult<Contents<'_, Model>> {
        let scaler = training::files::json(predictor.scalers())?;
        Contents::new(predictor.settings(), predictor.network(), vec![(SCALER, scaler)])
    }

    /// Computes only the mean loss, which chooses the best epoch. The other metrics would take longer.
    fn validate(&self, predictor: &Forecaster, set: &Vec<Windows>, interrupt: &Interrupt) -> TaskResult<Measured> {
        let (mut sum, mut count) = (0.0, 0);
        for windows in set {
            sum += predictor.mean_loss(windows, || interrupt.check())? * windows.len() as f64;
            count += windows.len();
        }
        Ok(vec![Metric::lower("loss", sum / count as f64)].into())
    }

    fn evaluate(&self, predictor: &Forecaster, set: &Vec<Windows>, interrupt: &Interrupt) -> TaskResult<Measured> {
        let mut measured = self.validate(predictor, set, interrupt)?;
        let forecasts = predictor.forecasts(set, || interrupt.check())?;
        measured.extend(match (predictor.likelihood(), &forecasts[..], &set[..]) {
            (Likelihood::Direction, [forecasts], [windows]) => direction::measure(forecasts, windows),
            (Likelihood::Qlike, [forecasts], [windows]) => volatility::measure(forecasts, windows),
            (_, [forecasts], [windows]) => measure::values(forecasts, windows),
            _ => panel::values(&forecasts, set),
        });
        Ok(measured)
    }

    fn baselines(
        &self,
        splits: &Splits<Vec<Windows>>,
        interrupt: &Interrupt,
    ) -> TaskResult<BTreeMap<String, Measured>> {
        interrupt.check()?;
        let rows = match (self.settings.model.loss, &splits.test[..]) {
            (Likelihood::Direction, [windows]) => direction::baselines(windows),
            (Likelihood::Qlike, [windows]) => volatility::baselines(windows),
            (_, [windows]) => measure::baselines(windows),
            (_, set) => panel::baselines(set),
        };
        Ok(rows.into_iter().map(|(name, metrics)| (name, metrics.into())).collect())
    }

    fn demonstrate(&self, predictor: &Forecaster, outcome: &Outcome, test: &Vec<Windows>) -> TaskResult<Demonstration> {
        demonstration::of(predictor, &outcome.test, test)
    }
}

impl Forecasting {
    fn new(recipe: &RecipeOf<Self>, scalers: Scalers) -> TaskResult<Self> {
        let data = recipe.data.clone();
        let settings = Settings { data: data.window_settings(), model: recipe.model.clone() };
        let sizes = settings.sizes(scalers.columns())?;
        Ok(Self { data, settings, scalers, sizes })
    }
}

/// Computes the loss of each window for the model and the baselines, one [`Losses`] per metric. `likelihood` selects
/// the metrics. If there are several series, the losses of all windows whose forecasts begin at the same time are
/// combined into one loss.
pub fn losses(likelihood: Likelihood, forecasts: &[Forecasts], set: &[Windows]) -> Vec<Losses> {
    match (likelihood, forecasts, set) {
        (Likelihood::Direction, [forecasts], [windows]) => vec![direction::losses(forecasts, windows)],
        (Likelihood::Qlike, [forecasts], [windows]) => volatility::losses(forecasts, windows).into(),
        (_, [forecasts], [windows]) => vec![measure::absolute_errors(forecasts, windows)],
        _ => vec![panel::absolute_errors(forecasts, set)],
    }
}
