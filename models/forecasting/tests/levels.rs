//! A forecast does not depend on the level of a series, or on the order of its columns.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::tensor::Device;
use datasets::{CsvFormat, Series};
use forecasting::frame::CALENDAR;
use forecasting::model::{Architecture, Model, Sizes};
use forecasting::settings::Settings;
use forecasting::train::data::{DataConfig, history};
use forecasting::{Forecast, Forecaster, Options, Predictor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// The look-back, the horizon, the columns and the parts of all models.
const DATA: &str =
    "set = 'csv'\nlook_back = 24\nhorizon = 8\nsplit = [0.6, 0.2, 0.2]\ntarget = ['a']\ncovariates = ['b']";
const MODELS: [&str; 3] = [
    "kind = 'segrnn'\nloss = 'mae'\nhidden_size = 16\nsegment = 4",
    "kind = 'recurrent'\nloss = 'quantiles'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'",
    "kind = 'recurrent'\nloss = 'gaussian'\ncell = 'lstm'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'\nnormalise = 'last'",
];

/// A table of 200 days with two random walks, `a` with steps of at most `cents` hundredths around `level`.
fn table(seed: u64, level: i64, cents: i64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let start = jiff::civil::date(2020, 1, 1);
    let (mut a, mut b) = (100 * level, 0);
    let rows = (0..200).map(|day| {
        a += rng.random_range(-cents..=cents);
        b += rng.random_range(-9..=9);
        let sign = if a < 0 { "-" } else { "" };
        format!("{},{sign}{}.{:02},{b}\n", start + jiff::Span::new().days(day), a.abs() / 100, a.abs() % 100)
    });
    format!("date,a,b\n{}", rows.collect::<String>())
}

/// A network with random weights.
fn network(model: &str) -> Model {
    let architecture: Architecture = toml::from_str(model).unwrap();
    architecture.init(Sizes { look_back: 24, horizon: 8, columns: 2, targets: 1, known: CALENDAR }, &Device::flex())
}

/// The forecast of a network whose scaler is fitted to the table.
fn forecast(text: &str, model: &str, network: &Model) -> Forecast {
    let series = Series::from_bytes(text.as_bytes(), Path::new("own.csv"), &CsvFormat::default()).unwrap();
    let data: DataConfig = toml::from_str(DATA).unwrap();
    let settings = Settings { data: data.window_settings(), model: toml::from_str(model).unwrap() };
    let forecaster = Forecaster::new(settings, data.scaler(&series).unwrap(), network.clone(), Device::flex());
    forecaster.predict(&[history(&series.into())], &Options::default()).unwrap().remove(0)
}

#[test]
fn a_level_shift_shifts_the_forecast() {
    for (seed, model) in MODELS.into_iter().enumerate() {
        let network = network(model);
        for cents in [1, 50] {
            let lists = |level: i64| {
                let column = forecast(&table(seed as u64, level, cents), model, &network).columns.remove(0);
                let bounds = [column.low_95, column.low_80, column.high_80, column.high_95];
                let bounds: Vec<f64> = bounds.into_iter().flatten().map(Option::unwrap).collect();
                let values: Vec<f64> = [column.forecast, bounds].concat();
                values.into_iter().map(|value| value - level as f64).collect::<Vec<_>>()
            };
            let plain = lists(0);
            for level in [1_000, -7_000_000, 1_000_000_000, 30_000_000_000] {
                for (shifted, plain) in lists(level).iter().zip(&plain) {
                    let tolerance = 1e-3 * cents as f64 + 1e-5;
                    assert!((shifted - plain).abs() < tolerance, "{model} {level}: {shifted} {plain}");
                }
            }
        }
    }
}

#[test]
fn the_order_of_the_columns_does_not_change_the_forecast() {
    for (seed, model) in MODELS.into_iter().enumerate() {
        let (text, network) = (table(seed as u64, 1_000_000_000, 1), network(model));
        let reordered = |order: [usize; 3]| {
            let fields = |line: &str| -> Vec<String> { line.split(',').map(str::to_owned).collect() };
            let line = |line: &str| order.map(|column| fields(line)[column].clone()).join(",") + "\n";
            text.lines().map(line).collect::<String>()
        };
        let plain = forecast(&text, model, &network);
        for order in [[1, 0, 2], [2, 1, 0], [0, 2, 1]] {
            assert_eq!(forecast(&reordered(order), model, &network), plain, "{model} {order:?}");
        }
    }
}
