//! A trained forecaster, which computes forecasts with intervals from the known past of a series.

use std::sync::Arc;

use burn::tensor::Device;
use inference::weights::WeightNames;
use inference::{Package, PackageError, PredictError, Predictor, Schemas};
use jiff::SignedDuration;

use crate::calibration::{FEWEST, Forecasts};
use crate::frame::{Batch, Frame, Windows};
use crate::history::History;
use crate::likelihood::Likelihood;
use crate::model::Model;
use crate::output::{ColumnForecast, Forecast, Options};
use crate::scaler::{Scaler, Scalers};
use crate::settings::{Settings, WindowSettings};

/// The name of the file with the [`Scalers`] in a package (the files of a trained model).
pub const SCALER: &str = "scaler.json";
/// The rules that convert between the names of the weights in this crate and PyTorch's names. Packages store the
/// weights under PyTorch's names.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
/// The number of windows per forward pass.
const BATCH: usize = 64;

/// A trained network that forecasts time series, with its settings and scalers. [The crate](crate) has an example.
#[derive(Debug)]
pub struct Forecaster {
    settings: Settings,
    scalers: Scalers,
    network: Model,
    device: Device,
}

impl Predictor for Forecaster {
    const APPLICATION: &'static str = "forecasting";
    type Input = History;
    type Options = Options;
    type Output = Forecast;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings: Settings = package.settings()?;
        let scalers: Scalers = package.json(SCALER)?;
        if !scalers.is_valid() {
            return Err(package.invalid(
                SCALER,
                "each series needs one scaler, and all scalers must have the same columns, finite means, and standard deviations above 0",
            ));
        }
        let bad =
            |bad: crate::settings::BadSetting| package.invalid_settings(format!("{}: {}", bad.setting, bad.message));
        let sizes = settings.sizes(scalers.columns()).map_err(bad)?;
        let init = || settings.model.init(sizes, device);
        let network = package.load_network(settings.model.num_params(sizes), init, WEIGHT_NAMES)?;
        Ok(Self { settings, scalers, network: network.keep_packed(), device: device.clone() })
    }

    fn predict(&self, inputs: &[History], options: &Options) -> Result<Vec<Forecast>, PredictError> {
        let windows: Vec<Windows> =
            inputs.iter().map(|history| self.window(history, options)).collect::<Result<_, _>>()?;
        let forecasts = self.forecasts(&windows, || Ok::<_, PredictError>(()))?;
        Ok(windows.iter().zip(&forecasts).map(|(windows, forecasts)| self.answer(windows, forecasts)).collect())
    }

    /// Returns the shortest history that the model can read. Every column is a sine wave around the column's mean in
    /// the training data, and its amplitude is the column's standard deviation.
    fn example(&self) -> History {
        let (look_back, horizon) = (self.settings.data.look_back.get(), self.settings.data.horizon.get());
        History::example(&self.scalers, look_back.max(2), &self.settings.data.known, horizon)
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas(&self.settings.data, self.scalers.columns())
    }
}

impl Forecaster {
    /// Creates a forecaster from a trained network on `device`. `settings` and `scalers` come from the training.
    pub fn new(settings: Settings, scalers: impl Into<Scalers>, network: Model, device: Device) -> Self {
        Self { settings, scalers: scalers.into(), network, device }
    }

    /// Returns the settings that the package stores: the lengths of the windows, the columns and the architecture.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the means and standard deviations of the columns, for each series.
    pub fn scalers(&self) -> &Scalers {
        &self.scalers
    }

    /// Returns the trained network, which reads and forecasts standardised values.
    pub fn network(&self) -> &Model {
        &self.network
    }

    /// Returns the device on which the network computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the loss that the network was trained with, which also determines the output distribution.
    pub fn likelihood(&self) -> Likelihood {
        self.settings.model.loss
    }

    /// Returns the window to forecast, as [`Windows`] with one origin (the first row to forecast). The steps to
    /// forecast may lie after the last row of the history.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the history is not valid for this model (for example, if it lacks a column), if
    /// too few rows come before `options.at`, or if `options.at` is later than the first step after the history.
    pub fn window(&self, history: &History, options: &Options) -> Result<Windows, PredictError> {
        let (look_back, horizon) = (self.settings.data.look_back.get(), self.settings.data.horizon.get());
        let scaler = self.scalers.of(&history.series)?;
        history.check(&scaler.columns)?;
        let known = history.len();
        let origin = options.at.map_or(known, |at| history.times.partition_point(|time| *time < at));
        // At least two rows, because one row does not determine the time between rows.
        let needed = look_back.max(2);
        if origin < needed {
            let reason = match options.at {
                Some(at) if known > needed => {
                    return Err(PredictError::bad_input(
                        "at",
                        format!(
                            "the model needs {needed} rows before {at}, but there are only {origin}; the earliest \
                             possible time is {}",
                            history.times[needed]
                        ),
                    ));
                }
                _ => format!(
                    "the model needs at least {needed} rows before the forecast, but there are only {origin}; give \
                     more rows"
                ),
            };
            return Err(PredictError::bad_input("times", reason));
        }
        check_step(scaler, history)?;
        // `Frame::new` finds the columns by name, so the history may have additional columns, in any order.
        let WindowSettings { covariates, known: ahead, split, .. } = &self.settings.data;
        let targets = scaler.columns.len() - covariates.len() - ahead.len();
        let [train, valid, _] = split.bounds(known);
        let frame = Frame::new(history, targets, ahead.len(), scaler.clone())?.with_parts(train, valid - train);
        let frame = frame.extended((origin + horizon).saturating_sub(known), &history.future)?;
        if frame.len() < origin + horizon {
            return Err(PredictError::bad_input(
                "times",
                "the forecast would end after the year 9999, which is not supported; give earlier times",
            ));
        }
        if let (Some(at), Some(next)) = (options.at, frame.times.get(known))
            && at > *next
        {
            let first = history.times[needed.min(known - 1)];
            let reason = format!(
                "{at} is too late, because the first time step after the given rows is {next}; give a time from \
                 {first} to {next}, or leave `at` out to forecast from {next}"
            );
            return Err(PredictError::bad_input("at", reason));
        }
        let stride = self.settings.data.stride.get();
        Ok(Windows { frame: Arc::new(frame), origins: vec![origin], look_back, horizon, stride })
    }

    /// Returns the origins of the past windows whose forecast errors are used to calibrate the intervals of `windows`.
    /// The result is empty for a model that forecasts the probability of a rise, because it has no intervals.
    fn calibration_windows(&self, windows: &Windows) -> Vec<usize> {
        if self.likelihood() == Likelihood::Direction { Vec::new() } else { windows.past() }
    }

    /// Computes standardised forecasts for each item of `sets`, with intervals that are calibrated on past windows of
    /// the same series. One forward pass may contain windows of several items. Calls `check` before each forward pass,
    /// and stops with the error if `check` returns an error.
    pub fn forecasts<E>(
        &self,
        sets: &[Windows],
        mut check: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<Forecasts>, E> {
        let with_past = |windows: &Windows| {
            let origins = [self.calibration_windows(windows), windows.origins.clone()].concat();
            Windows { origins, ..windows.clone() }
        };
        let with_past: Vec<Windows> = sets.iter().map(with_past).collect();
        let all: Vec<(&Windows, usize)> = with_past.iter().flat_map(Windows::each).collect();
        let mut forecasts = Forecasts::default();
        for windows in all.chunks(BATCH) {
            check()?;
            forecasts.extend(self.network.forecast(self.likelihood(), &Batch::cut(windows, &self.device)));
        }
        let mut start = 0;
        let calibrated = |(all, set): (&Windows, &Windows)| {
            let values = all.len() * all.horizon * all.frame.targets;
            let own = forecasts.range(start..start + values);
            start += values;
            let (past, has_intervals) = (all.len() - set.len(), self.likelihood().has_intervals());
            let lowest: Vec<f32> = (0..all.frame.targets).map(|target| all.frame.scaler.lowest(target)).collect();
            own.calibrated(past, &all.origins, all.horizon, &all.truth(), has_intervals).at_least(&lowest)
        };
        Ok(with_past.iter().zip(sets).map(calibrated).collect())
    }

    /// Converts the standardised forecast of the first window of `windows` to a [`Forecast`] in the units of the
    /// columns. `forecasts` are the standardised forecasts of all `windows`.
    pub fn answer(&self, windows: &Windows, forecasts: &Forecasts) -> Forecast {
        let past_windows = self.calibration_windows(windows).len();
        let column = |origin: usize| {
            let column = move |target| ColumnForecast::new(self.likelihood(), windows, origin, forecasts, target);
            (0..windows.frame.targets).map(column)
        };
        let columns = windows.origins.first().into_iter().flat_map(|origin| column(*origin)).collect();
        Forecast { columns, past_windows, calibrated: past_windows >= FEWEST }
    }

    /// Computes the mean of the training's loss function over `windows`, such as the windows of the validation part.
    /// Calls `check` before each batch, and stops with the error if `check` returns an error.
    pub fn mean_loss<E>(&self, windows: &Windows, mut check: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
        let (mut sum, mut count) = (0.0, 0);
        for origins in windows.origins.chunks(BATCH) {
            check()?;
            let (parameters, values) = self.network.forward_train(windows.batch(origins, &self.device));
            let loss = self.likelihood().loss(parameters, values, &windows.frame.scaler).into_scalar::<f32>();
            sum += f64::from(loss) * origins.len() as f64;
            count += origins.len();
        }
        Ok(sum / count as f64)
    }
}

/// Checks that the rows are as far apart as the rows of the training data.
fn check_step(scaler: &Scaler, history: &History) -> Result<(), PredictError> {
    let found = history.rhythm().step().as_secs_f64();
    // A difference of up to a seventh is allowed, because the lengths of months differ.
    let differs = |step: &f64| (step - found).abs() > step / 7.0;
    match scaler.step.filter(differs) {
        Some(step) => {
            let duration = |seconds| SignedDuration::try_from_secs_f64(seconds).map(timesteps::written);
            let [found, step] = [found, step].map(|seconds| duration(seconds).unwrap_or_default());
            let reason = format!(
                "the time step of the rows is {found}, but the model was trained on rows with a time step of {step}; \
                 give rows with a time step of {step}"
            );
            Err(PredictError::bad_input("times", reason))
        }
        None => Ok(()),
    }
}
