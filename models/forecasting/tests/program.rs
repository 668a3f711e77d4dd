//! The real program, as a user runs it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forecasting"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let text = text(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The quick recipe, trained.
fn trained() -> &'static str {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let result = json(&run(&["train", "--json", "--run", shown(&path)]));
        let metric = |name: &str| result["metrics"][name].as_f64().unwrap();
        assert!(metric("skill_mae_persistence_low") > 0.1, "{result}");
        assert!(metric("skill_mae_seasonal_persistence_low") > 0.1, "{result}");
        assert!((metric("coverage_80") - 0.8).abs() < 0.05 && (metric("coverage_95") - 0.95).abs() < 0.05, "{result}");
        assert!(metric("mae") < result["baselines"]["Holt-Winters"]["mae"].as_f64().unwrap());
        (dir, path)
    });
    path.to_str().unwrap()
}

#[test]
fn a_run_tells_and_draws_what_it_is_worth() {
    let report = std::fs::read_to_string(Path::new(trained()).join("report.md")).unwrap();
    for part in ["| coverage_80 |", "smaller than by seasonal persistence", "![demonstration]", "Holt-Winters"] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    let picture = std::fs::read_to_string(Path::new(trained()).join("demonstration.svg")).unwrap();
    for part in ["temp_max: forecast from 2015-12-25", "80 % interval", "observed", "Dec 24"] {
        assert!(picture.contains(part), "{part} is not in the picture");
    }
}

#[test]
fn what_comes_next_is_told_with_intervals() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("forecast.svg");
    let args = ["forecast", "--run", trained(), "--plot", shown(&plot)];
    let table = text(&run(&args).stdout);
    assert!(table.contains("2016-01-01") && table.contains("80 % interval") && table.contains('–'), "{table}");
    assert!(plot.exists());

    let known = json(&run(&[&args[..], &["--json", "--at", "2015-07-01"]].concat()));
    let column = &known["temp_max"];
    assert_eq!(column["time"][0], "2015-07-01T00:00:00");
    let number = |name: &str, step: usize| column[name][step].as_f64().unwrap();
    for step in 0..7 {
        let ends = ["low_95", "low_80", "forecast", "high_80", "high_95"].map(|name| number(name, step));
        assert!(ends.is_sorted() && number("observed", step) > 10.0, "{column}");
    }
    let unknown = json(&run(&[&args[..], &["--json"]].concat()));
    assert!(unknown["temp_max"]["observed"][0].is_null());
}

#[test]
fn times_that_cannot_be_forecast_are_refused() {
    for (at, part) in
        [("2012-01-05", "28 steps have to be known"), ("2030-01-01", "is after 2016-01-01T00:00:00"), ("soon", "--at")]
    {
        let output = run(&["forecast", "--run", trained(), "--at", at]);
        assert!(!output.status.success() && text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
}

#[test]
fn a_backtest_learns_anew_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("folds");
    let args = ["backtest", "--json", "--epochs", "2", "--folds", "2", "--run", shown(&place)];
    let output = run(&args);
    let result = json(&output);
    assert_eq!(text(&output.stdout).lines().count(), 3, "two folds and what they come to");
    assert!(result["metrics"]["skill_mae_persistence"].as_f64().unwrap() > 0.0, "{result}");
    let again = run(&args);
    assert_eq!((json(&again), text(&again.stdout).lines().count()), (result, 1), "finished folds are not made again");

    let other = run(&["backtest", "--epochs", "1", "--folds", "2", "--run", shown(&place)]);
    assert!(text(&other.stderr).contains("run of another recipe or other settings"), "{}", text(&other.stderr));
}

/// A table of one's own, with `more` lines at its end.
fn table(dir: &Path, header: &str, row: impl Fn(usize) -> String, more: &str) -> PathBuf {
    let rows: String = (0..400).map(|number| row(number) + "\n").collect();
    let path = dir.join("own.csv");
    std::fs::write(&path, format!("{header}\n{rows}{more}")).unwrap();
    path
}

/// Trains a moment on a table; the exit code and what was said.
fn own(dir: &Path, csv: &Path, more: &[&str]) -> (bool, String) {
    let place = dir.join(format!("run-{}", std::fs::read_dir(dir).unwrap().count()));
    let small = ["--epochs", "1", "--look-back", "12", "--horizon", "4", "--set", "model.hidden_size=8"];
    let output = run(&[&["train", "--csv", shown(csv), "--run", shown(&place)], &small[..], more].concat());
    (output.status.success(), text(&output.stderr))
}

#[test]
fn tables_nobody_has_seen_train_or_name_the_flag_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let day = |number: usize| format!("20{:02}-{:02}-{:02}", number / 336, number / 28 % 12 + 1, number % 28 + 1);
    let wave = |number: usize| (number as f64 / 5.0).sin() + 20.0;
    let works = |csv: &Path, more: &[&str]| {
        let (done, said) = own(dir.path(), csv, more);
        assert!(done, "{said}");
        said
    };
    let fails = |csv: &Path, more: &[&str], part: &str| {
        let (done, said) = own(dir.path(), csv, more);
        let error = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default().to_owned();
        assert!(!done && error.contains(part), "{part} is not in: {said}");
    };

    let missing = table(
        dir.path(),
        "date,load",
        |n| format!("{},{}", day(n), if n == 7 { "NA".to_owned() } else { wave(n).to_string() }),
        "",
    );
    fails(&missing, &[], "--missing previous");
    assert!(works(&missing, &["--missing", "previous"]).contains("1 missing value"));

    let split = table(dir.path(), "year,month,day,load", |n| format!("{},{}", day(n).replace('-', ","), wave(n)), "");
    works(&split, &["--target", "load"]);

    let newest_first = table(dir.path(), "date,load,price", |n| format!("{},{},{}", day(399 - n), wave(n), n % 7), "");
    let said = works(&newest_first, &["--target", "load", "--covariates", "price"]);
    assert!(said.contains("newest first"), "{said}");
    fails(&newest_first, &["--target", "loads"], "--target");

    let minutes = |n: usize| format!("2020-01-{:02} {:02}:{:02},{}", 1 + n / 144, n / 6 % 24, 10 * (n % 6), wave(n));
    let ten_minutes = table(dir.path(), "when,load", minutes, "");
    fails(&ten_minutes, &[], "--time");
    works(&ten_minutes, &["--time", "when"]);
    fails(&ten_minutes, &["--time", "when", "--freq", "1d"], "--look-back");
    fails(&ten_minutes, &["--time", "when", "--freq", "1min"], "--freq");

    let doubled = table(dir.path(), "date,load", |n| format!("{},{}", day(n), wave(n)), "2000-01-01,3\n");
    fails(&doubled, &[], "--doubled");
    works(&doubled, &["--doubled", "mean"]);
}

/// The season of seconds is a day of them, longer than the table: no error over that of seasonal persistence is defined.
/// Columns are found by their names.
#[test]
fn a_model_goes_on_from_a_table_whose_columns_stand_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let time = |number: usize| format!("2020-01-01 00:{:02}:{:02}", number / 60, number % 60);
    let wave = |number: usize| (number as f64 / 5.0).sin();
    let row = |number| format!("{},{},{}", time(number), wave(number), 1000.0 + wave(number));
    let csv = table(dir.path(), "time,low,high", row, "");
    let (trained, said) = own(dir.path(), &csv, &[]);
    assert!(trained, "{said}");
    let place = dir.path().join("run-1");

    let plot = dir.path().join("forecast.svg");
    let forecast =
        |csv: &Path| run(&["forecast", "--json", "--run", shown(&place), "--csv", shown(csv), "--plot", shown(&plot)]);
    let expected = json(&forecast(&csv));
    let row = |number| format!("{},7,{},{}", time(number), 1000.0 + wave(number), wave(number));
    let turned = table(dir.path(), "time,more,high,low", row, "");
    assert_eq!(json(&forecast(&turned)), expected);
    let row = |number| format!("{},{}", time(number), wave(number));
    let output = forecast(&table(dir.path(), "time,low", row, ""));
    assert!(text(&output.stderr).contains("has no column `high`"), "{}", text(&output.stderr));
    let row = |number: usize| format!("{},1,2", 1600 + number);
    let output = forecast(&table(dir.path(), "year,high,low", row, ""));
    assert!(text(&output.stderr).contains("rows are 365 d apart"), "{}", text(&output.stderr));
}

#[test]
fn subjects_need_their_data_and_say_where_it_is() {
    for subject in ["weather", "stock", "energy"] {
        let output = run(&["train", "--dataset", subject, "--data-dir", "/nowhere"]);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains("/nowhere"), "{said}");
    }
}
