//! Checks that no forecast depends on future values, and that no model has skill on series that cannot be predicted.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use burn::tensor::Device;
use datasets::{CsvFormat, Series};
use forecasting::Forecaster;
use forecasting::calibration::Forecasts;
use forecasting::frame::Windows;
use forecasting::model::Architecture;
use forecasting::settings::Settings;
use forecasting::train::Forecasting;
use forecasting::train::classical::{Baseline, HoltWinters};
use forecasting::train::data::{DataConfig, history};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::recipe::RecipeText;
use training::{Fitted, Outcome, RecipeOf, Session, Training};

/// Models that forecast one step only.
const OF_ONE_STEP: [&str; 2] = [
    "kind = 'recurrent'\nloss = 'qlike'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'",
    "kind = 'recurrent'\nloss = 'direction'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'",
];

/// Every kind of model, and every form of decoding.
const MODELS: [&str; 7] = [
    "kind = 'segrnn'\nloss = 'mae'\nhidden_size = 16\nsegment = 4",
    "kind = 'linear'\nloss = 'mse'\nform = 'decomposed'",
    "kind = 'linear'\nloss = 'mae'\nform = 'normalised'",
    "kind = 'recurrent'\nloss = 'quantiles'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'\nnormalise = 'window'",
    "kind = 'recurrent'\nloss = 'gaussian'\ncell = 'elman'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'\nnormalise = 'last'",
    "kind = 'recurrent'\nloss = 'student-t'\ncell = 'lstm'\nhidden_size = 16\nlayers = 1\ndecoding = 'autoregressive'\nnormalise = 'window'",
    "kind = 'recurrent'\nloss = 'mae'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'autoregressive'\nnormalise = 'last'",
];

fn random_walk(rows: usize, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut text, mut value) = ("date,value\n".to_owned(), 100.0f64);
    let start = jiff::civil::date(2000, 1, 1);
    for row in 0..rows {
        value += (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let day = start.checked_add(jiff::Span::new().days(row as i64)).unwrap();
        writeln!(text, "{day},{value}").unwrap();
    }
    text
}

fn series(text: &str) -> Series {
    Series::from_bytes(text.as_bytes(), Path::new("walk.csv"), &CsvFormat::default()).unwrap()
}

/// A series with two columns, which are independent random walks.
fn two_walks(rows: usize) -> Series {
    let [one, other] = [1, 2].map(|seed| series(&random_walk(rows, seed)));
    let values = one.values.iter().zip(&other.values).flat_map(|(one, other)| [*one, *other]).collect();
    Series { columns: ["value", "beside"].map(str::to_owned).to_vec(), values, ..one }
}

/// A copy of a series, with larger values from the row `from` on.
fn shifted(series: &Series, from: usize) -> Series {
    let mut shifted = series.clone();
    shifted.values[from * series.columns.len()..].iter_mut().for_each(|value| *value += 50.0);
    shifted
}

/// `[data]` of a recipe.
fn data(horizon: usize) -> String {
    format!("set = 'csv'\nlook_back = 24\nhorizon = {horizon}\nsplit = [0.6, 0.2, 0.2]\n")
}

/// Each model with random weights and a scaler of the training part of a series: with one column, and, if the model
/// supports it, with a covariate.
fn models(series: &Series) -> Vec<(String, DataConfig, Forecaster)> {
    let device = Device::flex();
    let kinds = MODELS.map(|text| (text, 8)).into_iter().chain(OF_ONE_STEP.map(|text| (text, 1)));
    let kinds = kinds.flat_map(|(text, horizon)| [1, 2].map(|columns| (text, horizon, columns)));
    let models = kinds.filter_map(|(text, horizon, columns)| {
        let beside = if columns == 2 { "covariates = ['beside']" } else { "" };
        let data: DataConfig = toml::from_str(&format!("{}target = ['value']\n{beside}", data(horizon))).unwrap();
        let model: Architecture = toml::from_str(text).unwrap();
        let settings = Settings { data: data.window_settings(), model };
        let scaler = data.scaler(series).unwrap();
        let sizes = settings.sizes(&scaler.columns);
        assert!(sizes.is_ok() || columns == 2, "{text}");
        device.seed(1);
        let network = settings.model.init(sizes.ok()?, &device);
        Some((text.to_owned(), data, Forecaster::new(settings, scaler, network, device.clone())))
    });
    models.collect()
}

/// The windows of the test part.
fn windows(data: &DataConfig, series: &Series, forecaster: &Forecaster) -> Windows {
    data.windows(&history(&series.clone().into()), forecaster.scalers().of("").unwrap()).unwrap().test
}

/// The forecasts of the windows of the test part with these origins; of all windows if none are given.
fn forecasts(data: &DataConfig, forecaster: &Forecaster, series: &Series, origins: &[usize]) -> Forecasts {
    let mut windows = windows(data, series, forecaster);
    if !origins.is_empty() {
        windows.origins = origins.to_vec();
    }
    forecaster.forecasts(&[windows], || Ok::<_, ()>(())).unwrap().remove(0)
}

#[test]
fn no_forecast_changes_when_the_future_does() {
    let series = two_walks(400);
    for (text, data, forecaster) in models(&series) {
        for origin in [320, 350, 392] {
            let forecast = |series: &Series| forecasts(&data, &forecaster, series, &[origin]).points;
            assert_eq!(forecast(&series), forecast(&shifted(&series, origin)), "{text}");
            assert_ne!(forecast(&series), forecast(&shifted(&series, origin - 1)), "{text}: the last value is read");
        }
    }
}

/// Intervals are calibrated on windows that have ended.
#[test]
fn no_interval_changes_when_the_future_does() {
    let series = two_walks(400);
    for (text, data, forecaster) in models(&series) {
        let [known, changed] =
            [&series, &shifted(&series, 360)].map(|series| forecasts(&data, &forecaster, series, &[]));
        let windows = windows(&data, &series, &forecaster);
        let before = windows.origins.partition_point(|&origin| origin <= 360) * windows.horizon;
        assert_eq!(known.points[..before], changed.points[..before], "{text}");
        // Directions have no intervals: NaN.
        let bits = |forecasts: &Forecasts| -> Vec<u32> {
            forecasts.bounds[..before].iter().flatten().map(|bound| bound.to_bits()).collect()
        };
        assert_eq!(bits(&known), bits(&changed), "{text}");
        assert_ne!(known.points[before..], changed.points[before..], "{text}");
    }
}

#[test]
fn no_baseline_changes_when_the_future_does() {
    let series = series(&random_walk(400, 1));
    let values = |series: &Series| -> Vec<f32> { series.values.iter().map(|value| *value as f32).collect() };
    let smoothing = HoltWinters::fit(&values(&series)[..240], 7).unwrap();
    for baseline in [Baseline::Persistence, Baseline::Seasonal(7), Baseline::Drift, Baseline::HoltWinters(smoothing)] {
        let forecasts = |series: &Series| baseline.forecasts(&values(series), [300, 350].into_iter(), 8);
        assert_eq!(forecasts(&series), forecasts(&shifted(&series, 350)), "{}", baseline.name());
        assert_ne!(forecasts(&series), forecasts(&shifted(&series, 349)), "{}", baseline.name());
    }
}

/// Everything that is fitted to data depends on the training part only.
#[test]
fn nothing_is_fitted_to_the_future() {
    let data: DataConfig = toml::from_str(&data(8)).unwrap();
    let series = series(&random_walk(400, 1));
    assert_eq!(data.scaler(&series).unwrap(), data.scaler(&shifted(&series, 240)).unwrap());
    assert_ne!(data.scaler(&series).unwrap(), data.scaler(&shifted(&series, 239)).unwrap());
}

/// Trains a model on a table.
fn trained(csv: &str, model: &str, horizon: usize) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("own.csv");
    std::fs::write(&table, csv).unwrap();
    let training = "[training]\nepochs = 12\nbatch_size = 32\nclip_norm = 1\n[optimizer]\nkind = 'adam'\nlr = 0.003";
    let data = format!("{}file = '{}'\n", data(horizon), table.display());
    let text = format!(
        "name = 'own'\nabout = ''\nseed = 1\n[data]\n{data}[model]\n{model}\n{training}\n[schedule]\nkind = 'cosine'"
    );
    let recipe: RecipeOf<Forecasting> = RecipeText::embedded(&text).parse().unwrap();
    let training = Training::<Forecasting>::new(recipe).in_folder(dir.path().join("run"));
    let Fitted::Trained(trained) = training.fit(&mut Session::default()).unwrap() else { panic!("interrupted") };
    trained.outcome
}

/// The best forecast of a random walk is its last value. No model can be better, and a trained model is only slightly
/// worse.
#[test]
fn no_model_has_skill_on_a_random_walk() {
    let walk = random_walk(3000, 2);
    for model in MODELS {
        let outcome = trained(&walk, model, 8);
        let skill = outcome.test.comparison("mae", "persistence").and_then(|comparison| comparison.skill).unwrap();
        assert!(skill.interval[0] < 0.01 && (-0.08..0.03).contains(&skill.value), "{model}: {skill:?}");
    }
}

/// The direction of the next step is random.
#[test]
fn no_model_forecasts_the_direction_of_noise() {
    let walk = random_walk(3001, 2);
    let rows: Vec<(&str, f64)> = (walk.lines().skip(1))
        .map(|line| line.split_once(',').unwrap())
        .map(|(day, value)| (day, value.parse().unwrap()))
        .collect();
    let changes: String = rows.windows(2).map(|pair| format!("{},{}\n", pair[1].0, pair[1].1 - pair[0].1)).collect();
    let outcome = trained(&format!("date,change\n{changes}"), OF_ONE_STEP[1], 1);
    let flat = outcome.test.flat();
    assert!(flat["accuracy_low"] < 0.5 && flat["accuracy_high"] > 0.5, "{flat:?}");
    assert!(flat["p_error_majority"] > 0.05, "{flat:?}");
}
