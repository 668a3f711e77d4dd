//! Covariates that are known ahead: read from rows after the last target, and used by forecasts.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::tensor::Device;
use datasets::{CsvFormat, DataError, Missing, Roles, TableSeries};
use forecasting::model::Architecture;
use forecasting::settings::Settings;
use forecasting::train::Forecasting;
use forecasting::train::data::{DataConfig, history};
use forecasting::{Forecaster, History, Options, Predictor};
use inference::PredictError;
use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::recipe::RecipeText;
use training::{Fitted, Outcome, RecipeOf, Session, Training};

const DIRECT: &str = "kind = 'recurrent'\nloss = 'mae'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'direct'\nnormalise = 'window'";
const AUTOREGRESSIVE: &str = "kind = 'recurrent'\nloss = 'mae'\ncell = 'gru'\nhidden_size = 16\nlayers = 1\ndecoding = 'autoregressive'\nnormalise = 'window'";

/// The daily sales of a shop, with promotions that begin at random and last one to three days. A promotion doubles the
/// sales. After `rows` days, `ahead` more days have a promotion plan and no sales.
fn shop(rows: usize, ahead: usize, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut text = "date,sales,promo\n".to_owned();
    let (start, mut left) = (jiff::civil::date(2021, 1, 1), 0);
    for row in 0..rows + ahead {
        if left == 0 && rng.random_bool(0.15) {
            left = rng.random_range(1..=3);
        }
        let promo = usize::from(left > 0);
        left -= promo;
        let day = start.checked_add(jiff::Span::new().days(row as i64)).unwrap();
        let usual = 100.0 + [0.0, -10.0, -8.0, 0.0, 15.0, 30.0, 20.0][row % 7];
        let noise = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let sales = usual * (1.0 + promo as f64) + 5.0 * noise;
        match row < rows {
            true => text += &format!("{day},{sales:.2},{promo}\n"),
            false => text += &format!("{day},,{promo}\n"),
        }
    }
    text
}

fn read(text: &str, roles: &Roles) -> Result<TableSeries, DataError> {
    read_with(text, roles, CsvFormat::default())
}

fn read_with(text: &str, roles: &Roles, format: CsvFormat) -> Result<TableSeries, DataError> {
    TableSeries::from_bytes(text.as_bytes(), Path::new("shop.csv"), &format, roles).map(|mut all| all.remove(0))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn roles() -> Roles {
    Roles { target: names(&["sales"]), known: names(&["promo"]), ..Roles::default() }
}

/// Trains a model on a table.
fn trained(csv: &str, columns: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("shop.csv");
    std::fs::write(&table, csv).unwrap();
    let data =
        format!("set = 'csv'\nfile = '{}'\nlook_back = 28\nhorizon = 7\nsplit = [0.6, 0.2, 0.2]\n", table.display());
    let training = "[training]\nepochs = 12\nbatch_size = 32\nclip_norm = 1\n[optimizer]\nkind = 'adam'\nlr = 0.005";
    let text = format!(
        "name = 'shop'\nabout = ''\nseed = 1\n[data]\n{data}{columns}\n[model]\n{DIRECT}\n{training}\n[schedule]\nkind = 'cosine'"
    );
    let recipe: RecipeOf<Forecasting> = RecipeText::embedded(&text).parse().unwrap();
    let training = Training::<Forecasting>::new(recipe).in_folder(dir.path().join("run"));
    let Fitted::Trained(trained) = training.fit(&mut Session::default()).unwrap() else { panic!("interrupted") };
    trained.outcome
}

/// A model that knows the future promotions has an error at least 30 % smaller than a model that only knows past
/// promotions.
#[test]
fn knowing_the_promotions_helps() {
    let csv = shop(800, 7, 1);
    let known = trained(&csv, "target = ['sales']\nknown = ['promo']").test.get("mae").unwrap();
    let past = csv.lines().take(801).map(|line| format!("{line}\n")).collect::<String>();
    let unknown = trained(&past, "target = ['sales']\ncovariates = ['promo']").test.get("mae").unwrap();
    eprintln!("MAE {known:.4} with known promotions, {unknown:.4} without");
    assert!(known < 0.7 * unknown, "{known} {unknown}");
}

/// A forecaster with random weights for the table, and the history of the table.
fn forecaster(text: &str, model: &str) -> (Forecaster, History) {
    let data: DataConfig = toml::from_str(
        "set = 'csv'\nlook_back = 28\nhorizon = 7\nsplit = [0.6, 0.2, 0.2]\ntarget = ['sales']\nknown = ['promo']",
    )
    .unwrap();
    let series = read(text, &roles()).unwrap();
    let model: Architecture = toml::from_str(model).unwrap();
    let settings = Settings { data: data.window_settings(), model };
    let scaler = data.scaler(&series.past).unwrap();
    let device = Device::flex();
    device.seed(1);
    let network = settings.model.init(settings.sizes(&scaler.columns).unwrap(), &device);
    (Forecaster::new(settings, scaler, network, device), history(&series))
}

fn points(forecaster: &Forecaster, history: &History, options: &Options) -> Result<Vec<f64>, PredictError> {
    let mut forecasts = forecaster.predict(std::slice::from_ref(history), options)?;
    Ok(forecasts.remove(0).columns.remove(0).forecast)
}

#[test]
fn a_forecast_reads_the_known_values_of_its_steps() {
    for model in [DIRECT, AUTOREGRESSIVE] {
        let (forecaster, history) = forecaster(&shop(200, 7, 2), model);
        let after = points(&forecaster, &history, &Options::default()).unwrap();
        let mut changed = history.clone();
        let promo = changed.future.columns.get_mut("promo").unwrap();
        promo[6] = 1.0 - promo[6];
        let other = points(&forecaster, &changed, &Options::default()).unwrap();
        assert_eq!(after[..6], other[..6], "{model}");
        assert_ne!(after[6], other[6], "{model}");
        // If a forecast begins within the history, it reads the known values of the history after the origin, and not
        // the targets after the origin.
        let at = Options { at: Some(history.times[190]) };
        let within = points(&forecaster, &history, &at).unwrap();
        let mut changed = history.clone();
        changed.columns.get_mut("sales").unwrap()[190..].fill(1e3);
        assert_eq!(points(&forecaster, &changed, &at).unwrap(), within, "{model}");
        changed.columns.get_mut("promo").unwrap()[190..].iter_mut().for_each(|promo| *promo = 1.0 - *promo);
        assert_ne!(points(&forecaster, &changed, &at).unwrap(), within, "{model}");
    }
}

#[test]
fn a_forecast_without_known_values_is_refused_with_their_number() {
    for (ahead, lacking) in [(0, "add 7 values"), (4, "add 3 values")] {
        let (forecaster, history) = forecaster(&shop(200, ahead, 3), DIRECT);
        let error = points(&forecaster, &history, &Options::default()).unwrap_err();
        assert!(matches!(&error, PredictError::BadInput { field: "future", .. }), "{error}");
        assert!(error.to_string().contains(lacking), "{error}");
    }
    let (forecaster, history) = forecaster(&shop(200, 7, 3), DIRECT);
    let late = |days: i64| {
        let mut late = history.clone();
        late.future.times.iter_mut().for_each(|time| *time += jiff::Span::new().days(days));
        points(&forecaster, &late, &Options::default())
    };
    assert!(late(0).is_ok());
    for days in [-1, 1, 300] {
        assert!(matches!(late(days), Err(PredictError::BadInput { field: "future", .. })), "{days}");
    }
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
}

#[test]
fn rows_after_the_last_target_need_a_known_column() {
    let text = shop(30, 5, 4);
    let future = |error: &DataError| {
        matches!(error, DataError::FutureRows { line: 32, rows: 5, empty, filled, .. }
        if *empty == ["sales"] && *filled == ["promo"])
    };
    for missing in [Missing::Refuse, Missing::Previous, Missing::Interpolate] {
        for target in [names(&["sales"]), Vec::new()] {
            let roles = Roles { target, ..Roles::default() };
            let error = read_with(&text, &roles, CsvFormat { missing, ..CsvFormat::default() }).unwrap_err();
            assert!(future(&error) && error.setting() == Some("known"), "{error}");
        }
    }
    let dropped = CsvFormat { missing: Missing::Drop, ..CsvFormat::default() };
    assert_eq!(read_with(&text, &Roles::default(), dropped).unwrap().past.len(), 30);
    // The error is the same if the other columns are not read.
    for missing in [Missing::Refuse, Missing::Previous, Missing::Interpolate] {
        let format = CsvFormat { missing, columns: names(&["sales"]), ..CsvFormat::default() };
        let roles = Roles { target: names(&["sales"]), ..Roles::default() };
        assert!(future(&read_with(&text, &roles, format).unwrap_err()));
    }
    // A sensor that has failed before may fail at the end.
    let text = "date,a,b\n2020-01-01,1,2\n2020-01-02,,3\n2020-01-03,4,4\n2020-01-04,,5\n";
    let filled = CsvFormat { missing: Missing::Previous, ..CsvFormat::default() };
    assert_eq!(
        read_with(text, &Roles::default(), filled).unwrap().past.values,
        [1.0, 2.0, 1.0, 3.0, 4.0, 4.0, 4.0, 5.0]
    );
    // A known value is missing.
    let text = "date,sales,promo\n2020-01-01,1,0\n2020-01-02,2,1\n2020-01-03,,1\n2020-01-04,,\n";
    let error = read(text, &roles()).unwrap_err();
    assert!(matches!(&error, DataError::KnownValue { line: 5, column, .. } if column == "promo"), "{error}");
}

proptest! {
    /// The order of the rows changes neither the past nor the future, and no past value is lost.
    #[test]
    fn past_and_future_are_told_apart(rows in 3usize..60, ahead in 0usize..20, seed in 0u64..1000) {
        let text = shop(rows, ahead, seed);
        let series = read(&text, &roles()).unwrap();
        prop_assert_eq!((series.past.len(), series.future.len()), (rows, ahead));
        prop_assert_eq!(&series.future.columns, &names(&["promo"]));
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (1..lines.len()).rev().for_each(|line| lines.swap(line, rng.random_range(0..=line)));
        let other = read(&format!("date,sales,promo\n{}\n", lines.join("\n")), &roles()).unwrap();
        prop_assert_eq!((other.past.values, other.future.values), (series.past.values, series.future.values));
    }
}
