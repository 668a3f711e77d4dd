//! No forecast knows what comes after it, and none is better than it can be.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use datasets::{CsvFormat, Series};
use forecasting::classical::{HoltWinters, Yardstick};
use forecasting::data::DataConfig;
use forecasting::forecast::Forecast;
use forecasting::measure;
use forecasting::model::{Architecture, Sizes};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Those that look one step ahead.
const OF_ONE_STEP: [&str; 2] = [
    "kind = 'recurrent'\nloss = 'qlike'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'",
    "kind = 'recurrent'\nloss = 'direction'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'",
];

/// Every kind of model, and every way to tell of the steps to come.
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

/// A walk, and another beside it.
fn two_walks(rows: usize) -> Series {
    let [one, other] = [1, 2].map(|seed| series(&random_walk(rows, seed)));
    let values = one.values.iter().zip(&other.values).flat_map(|(one, other)| [*one, *other]).collect();
    Series { columns: ["value", "beside"].map(str::to_owned).to_vec(), values, ..one }
}

/// The same with everything from a row on raised.
fn shifted(series: &Series, from: usize) -> Series {
    let mut shifted = series.clone();
    shifted.values[from * series.columns.len()..].iter_mut().for_each(|value| *value += 50.0);
    shifted
}

/// `[data]` of a recipe.
fn data(horizon: usize) -> String {
    format!("set = 'csv'\nlook_back = 24\nhorizon = {horizon}\nsplit = [0.6, 0.2, 0.2]\n")
}

/// Each model on a series alone, and those that can with another beside it.
fn models() -> impl Iterator<Item = (&'static str, DataConfig, Architecture, Sizes)> {
    let kinds = MODELS.map(|text| (text, 8)).into_iter().chain(OF_ONE_STEP.map(|text| (text, 1)));
    let kinds = kinds.flat_map(|(text, horizon)| [1, 2].map(|columns| (text, horizon, columns)));
    kinds.filter_map(|(text, horizon, columns)| {
        let beside = if columns == 2 { "covariates = ['beside']" } else { "" };
        let data: DataConfig = toml::from_str(&format!("{}target = ['value']\n{beside}", data(horizon))).unwrap();
        let architecture: Architecture = toml::from_str(text).unwrap();
        let sizes = Sizes { look_back: 24, horizon, columns, targets: 1 };
        let fits = architecture.check(sizes).is_ok();
        assert!(fits || columns == 2, "{text}");
        fits.then_some((text, data, architecture, sizes))
    })
}

#[test]
fn no_forecast_changes_when_the_future_does() {
    let device = Device::flex();
    let series = two_walks(400);
    for (text, data, architecture, sizes) in models() {
        device.seed(1);
        let model = architecture.init(sizes, &device);
        for origin in [320, 350, 392] {
            let forecast = |series: &Series| {
                let scaler = data.scaler(series).unwrap();
                let windows = data.windows(series, &scaler).unwrap().test;
                model.forecast(architecture.loss, &windows, &[origin], &device)
            };
            assert_eq!(forecast(&series), forecast(&shifted(&series, origin)), "{text}");
            assert_ne!(forecast(&series), forecast(&shifted(&series, origin - 1)), "{text}: the last value is read");
        }
    }
}

/// Intervals are calibrated on windows that are over.
#[test]
fn no_interval_changes_when_the_future_does() {
    let device = Device::flex();
    let series = two_walks(400);
    for (text, data, architecture, sizes) in models() {
        device.seed(1);
        let model = architecture.init(sizes, &device);
        let windows = |series: &Series| data.windows(series, &data.scaler(series).unwrap()).unwrap().test;
        let forecasts = |series: &Series| {
            device.seed(2);
            measure::forecasts(&model, architecture.loss, &windows(series), &device)
        };
        let (known, changed) = (forecasts(&series), forecasts(&shifted(&series, 360)));
        let before = windows(&series).origins.partition_point(|&origin| origin <= 360) * sizes.horizon;
        assert_eq!(known.points[..before], changed.points[..before], "{text}");
        // Of a direction there are none: NaN.
        let bits =
            |forecast: &Forecast| forecast.ends[..before].iter().flatten().map(|end| end.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&known), bits(&changed), "{text}");
        assert_ne!(known.points[before..], changed.points[before..], "{text}");
    }
}

#[test]
fn no_yardstick_changes_when_the_future_does() {
    let series = series(&random_walk(400, 1));
    let smoothing = HoltWinters::fit(&series.values[..240], 7).unwrap();
    for yardstick in
        [Yardstick::Persistence, Yardstick::Seasonal(7), Yardstick::Drift, Yardstick::HoltWinters(smoothing)]
    {
        let forecasts = |series: &Series| yardstick.forecasts(&series.values, [300, 350].into_iter(), 8);
        assert_eq!(forecasts(&series), forecasts(&shifted(&series, 350)), "{}", yardstick.name());
        assert_ne!(forecasts(&series), forecasts(&shifted(&series, 349)), "{}", yardstick.name());
    }
}

/// What is fitted sees the training part alone.
#[test]
fn nothing_is_fitted_to_what_comes_later() {
    let data: DataConfig = toml::from_str(&data(8)).unwrap();
    let series = series(&random_walk(400, 1));
    assert_eq!(data.scaler(&series).unwrap(), data.scaler(&shifted(&series, 240)).unwrap());
    assert_ne!(data.scaler(&series).unwrap(), data.scaler(&shifted(&series, 239)).unwrap());
}

/// Trains a model on a table; what came of it.
fn trained(csv: &str, model: &str, horizon: usize) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let [table, recipe, place] = ["own.csv", "recipe.toml", "run"].map(|name| dir.path().join(name));
    let training = "[training]\nepochs = 12\nbatch_size = 32\nclip_norm = 1\n[optimizer]\nkind = 'adam'\nlr = 0.003";
    let data = data(horizon);
    let text = format!(
        "name = 'own'\nabout = ''\nseed = 1\n[data]\n{data}[model]\n{model}\n{training}\n[schedule]\nkind = 'cosine'"
    );
    std::fs::write(&table, csv).unwrap();
    std::fs::write(&recipe, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forecasting"));
    command.args(["train", "--json", "--recipe"]).arg(&recipe).arg("--csv").arg(&table).arg("--run").arg(&place);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Tomorrow of a random walk is today: nothing can be better, and what is trained is hardly worse.
#[test]
fn no_model_has_skill_on_a_random_walk() {
    let walk = random_walk(3000, 2);
    for model in MODELS {
        let result = trained(&walk, model, 8);
        let metric = |name: &str| result["metrics"][name].as_f64().unwrap();
        let (skill, low) = (metric("skill_mae_persistence"), metric("skill_mae_persistence_low"));
        assert!(low < 0.01 && (-0.08..0.03).contains(&skill), "{model}: {skill}, from {low}");
    }
}

/// Its next step goes up or down by chance.
#[test]
fn no_model_tells_the_direction_of_noise() {
    let walk = random_walk(3001, 2);
    let rows: Vec<(&str, f64)> = (walk.lines().skip(1))
        .map(|line| line.split_once(',').unwrap())
        .map(|(day, value)| (day, value.parse().unwrap()))
        .collect();
    let changes: String = rows.windows(2).map(|pair| format!("{},{}\n", pair[1].0, pair[1].1 - pair[0].1)).collect();
    let result = trained(&format!("date,change\n{changes}"), OF_ONE_STEP[1], 1);
    let metric = |name: &str| result["metrics"][name].as_f64().unwrap();
    assert!(metric("accuracy_low") < 0.5 && metric("accuracy_high") > 0.5, "{result}");
    assert!(metric("p_error_majority") > 0.05, "{result}");
}
