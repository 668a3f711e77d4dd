//! The predictor as a program uses it: packages of format 1, bad input, several threads.

#![allow(clippy::unwrap_used)]

use datasets::weather;
use forecasting::train::data::history;
use forecasting::{Forecast, Forecaster, History, Options};
use inference::{MemoryFiles, PackageError, PredictError, Predictor};
use serde_json::Value;
use test_support::try_damaged;

const CONFIG: &[u8] = include_bytes!("format-1/config.json");
const SCALER: &[u8] = include_bytes!("format-1/scaler.json");
const WEIGHTS: &[u8] = include_bytes!("format-1/model.safetensors");
/// The forecasts of the program that wrote the package: one that begins after the last row, and one that begins within
/// the history.
const STORED: &str = include_str!("format-1/forecasts.json");

fn files(config: &[u8], scaler: &[u8], weights: &[u8]) -> MemoryFiles<'static> {
    let mut files = MemoryFiles::default();
    files.insert("config.json", config.to_vec());
    files.insert("scaler.json", scaler.to_vec());
    files.insert("model.safetensors", weights.to_vec());
    files
}

fn forecaster() -> Forecaster {
    Forecaster::from_files(&files(CONFIG, SCALER, WEIGHTS)).unwrap()
}

fn seattle() -> History {
    history(&weather::seattle().unwrap().into())
}

fn at(time: &str) -> Options {
    Options { at: Some(time.parse().unwrap()) }
}

fn forecast(history: &History, options: &Options) -> Result<Forecast, PredictError> {
    forecaster().predict(std::slice::from_ref(history), options).map(|mut answers| answers.remove(0))
}

/// The forecasts agree to four digits, because other processors round differently.
#[test]
fn packages_of_format_1_forecast_as_before() {
    let stored: Value = serde_json::from_str(STORED).unwrap();
    for (options, stored) in [(Options::default(), &stored["after"]), (at("2015-07-01T00:00:00"), &stored["at"])] {
        let forecast = forecast(&seattle(), &options).unwrap();
        assert!(forecast.calibrated && forecast.past_windows == 365, "{}", forecast.past_windows);
        let column = serde_json::to_value(&forecast.columns[0]).unwrap();
        let stored = stored[&forecast.columns[0].name].as_object().unwrap();
        assert_eq!(stored["time"], column["time"]);
        for (name, stored) in stored.iter().filter(|(name, _)| *name != "time") {
            let numbers =
                |value: &Value| -> Vec<Option<f64>> { value.as_array().unwrap().iter().map(Value::as_f64).collect() };
            for (stored, found) in numbers(stored).into_iter().zip(numbers(&column[name])) {
                assert_eq!(stored.is_some(), found.is_some(), "{name}");
                approx::assert_relative_eq!(stored.unwrap_or(0.0), found.unwrap_or(0.0), max_relative = 1e-4);
            }
        }
    }
}

#[test]
fn inputs_and_answers_are_json() {
    let history = seattle();
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    let answer = forecast(&history, &serde_json::from_str(r#"{"at": "2015-07-01"}"#).unwrap()).unwrap();
    let text = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<Forecast>(&text).unwrap(), answer);
    assert!(text.contains(r#""quantity":"value""#) && serde_json::from_str::<Options>(r#"{"when": 1}"#).is_err());
}

/// A forecast reads neither the rows from its first step on, nor the other histories of the same call.
#[test]
fn answers_depend_on_the_past_of_their_own_history() {
    let whole = seattle();
    let rows = whole.times.partition_point(|time| *time < "2015-07-01T00:00:00".parse().unwrap());
    let mut past = whole.clone();
    past.times.truncate(rows);
    past.columns.values_mut().for_each(|values| values.truncate(rows));
    let [known, unknown] = [forecast(&whole, &at("2015-07-01T00:00:00")), forecast(&past, &Options::default())];
    let [mut known, unknown] = [known.unwrap(), unknown.unwrap()];
    assert!(known.columns[0].observed.iter().all(Option::is_some));
    known.columns[0].observed.fill(None);
    assert_eq!(known, unknown);

    let model = forecaster();
    let both = model.predict(&[whole.clone(), past.clone()], &Options::default()).unwrap();
    let alone = [whole, past].map(|history| model.predict_one(history).unwrap());
    assert_eq!(both, alone);
}

#[test]
fn threads_share_one_predictor() {
    let (model, history) = (forecaster(), seattle());
    let ask = || model.predict_one(history.clone()).unwrap();
    let expected = ask();
    std::thread::scope(|scope| {
        let asked = [scope.spawn(ask), scope.spawn(ask)];
        for thread in asked {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[track_caller]
fn assert_bad(field: &str, options: &Options, change: impl FnOnce(&mut History)) {
    let mut history = seattle();
    change(&mut history);
    let error = forecast(&history, options).unwrap_err();
    assert!(matches!(&error, PredictError::BadInput { field: found, .. } if *found == field), "{error}");
}

#[test]
fn bad_inputs_name_their_field() {
    let rows = |history: &mut History, rows: usize| {
        history.times.truncate(rows);
        history.columns.values_mut().for_each(|values| values.truncate(rows));
    };
    let after = Options::default();
    assert_bad("columns", &after, |history| drop(history.columns.remove("wind")));
    assert_bad("columns", &after, |history| history.columns.get_mut("wind").unwrap().truncate(9));
    for value in [f64::NAN, f64::INFINITY] {
        assert_bad("columns", &after, |history| history.columns.get_mut("temp_max").unwrap()[9] = value);
    }
    assert_bad("times", &after, |history| history.times.swap(3, 4));
    assert_bad("times", &after, |history| rows(history, 27));
    assert_bad("times", &after, |history| rows(history, 0));
    // Every seventh day.
    assert_bad("times", &after, |history| {
        history.times = history.times.iter().copied().step_by(7).collect();
        let week = |values: &mut Vec<f64>| *values = values.iter().copied().step_by(7).collect();
        history.columns.values_mut().for_each(week);
    });
    // The calendar of the crate jiff ends with the year 9999.
    assert_bad("times", &after, |history| {
        let last = jiff::civil::date(9999, 12, 30).at(0, 0, 0, 0);
        let count = history.len() as i64;
        history.times = (1..=count).map(|row| last - jiff::Span::new().days(count - row)).collect();
    });
    assert_bad("at", &at("2030-01-01T00:00:00"), |_| ());
    assert_bad("at", &at("2012-01-05T00:00:00"), |_| ());
}

/// Other columns and short pasts are fine; without enough past windows, the intervals are the network's own.
#[test]
fn few_rows_give_intervals_without_calibration() {
    let mut history = seattle();
    history.times.truncate(28);
    history.columns.values_mut().for_each(|values| values.truncate(28));
    history.columns.insert("more".to_owned(), Vec::new());
    let forecast = forecast(&history, &Options::default()).unwrap();
    assert!(!forecast.calibrated && forecast.past_windows == 0);
    assert!(forecast.columns[0].low_80.iter().all(Option::is_some));
}

#[test]
fn damaged_packages_are_errors() {
    let invalid = SCALER.to_vec();
    let invalid = String::from_utf8(invalid).unwrap().replacen("7.3246646", "0.0", 1);
    let error = Forecaster::from_files(&files(CONFIG, invalid.as_bytes(), WEIGHTS)).unwrap_err();
    assert!(matches!(error, PackageError::Invalid { .. }), "{error}");
    let history = History::default();
    try_damaged(SCALER, |scaler| {
        let _ = Forecaster::from_files(&files(CONFIG, scaler, WEIGHTS))
            .map(|model| model.predict_one(history.clone()).is_err());
    });
    try_damaged(CONFIG, |config| drop(Forecaster::from_files(&files(config, SCALER, WEIGHTS))));
}
