//! The real program, as a user runs it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The exit code for wrong usage.
const USAGE: i32 = 2;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forecasting"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The objects on standard output of a program that succeeded.
fn json(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn assert_refused(args: &[&str], option: &str) {
    let output = run(args);
    let message = text(&output.stderr);
    let error = message.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(!output.status.success() && error.contains(option), "{option} is not in: {message}");
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A run of the quick recipe.
fn trained() -> &'static str {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let output = run(&["train", "--json", "--out", shown(&path)]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (dir, path)
    });
    path.to_str().unwrap()
}

/// The flat test metrics of the quick recipe.
#[test]
fn the_quick_recipe_is_better_than_its_baselines() {
    let result = &json(&run(&["eval", "--json", "--model", trained()]))[0];
    let metric = |name: &str| result["metrics"][name].as_f64().unwrap();
    assert!(metric("skill_mae_persistence_low") > 0.1, "{result}");
    assert!(metric("skill_mae_seasonal_persistence_low") > 0.1, "{result}");
    assert!((metric("coverage_80") - 0.8).abs() < 0.05 && (metric("coverage_95") - 0.95).abs() < 0.05, "{result}");
    assert!(metric("mae") < metric("mae_holt_winters"));
    let report = std::fs::read_to_string(Path::new(trained()).join("report.md")).unwrap();
    assert!(report.contains("| coverage_80 |") && report.contains("Holt-Winters"), "{report}");
    let picture = std::fs::read_to_string(Path::new(trained()).join("demonstration.svg")).unwrap();
    assert!(picture.contains("temp_max") && picture.contains("80 % interval"), "the picture has no legend");
}

#[test]
fn forecasts_are_tables_json_and_plots() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("forecast.svg");
    let args = ["forecast", "--model", trained(), "--plot", shown(&plot)];
    let table = text(&run(&args).stdout);
    assert!(table.contains("2016-01-01") && table.contains("temp_max") && table.contains('–'), "{table}");
    assert!(plot.exists());

    let known = &json(&run(&[&args[..], &["--json", "--at", "2015-07-01"]].concat()))[0];
    let column = &known["columns"][0];
    assert_eq!((&column["name"], &column["quantity"]), (&Value::from("temp_max"), &Value::from("value")));
    assert_eq!((&column["time"][0], &known["calibrated"]), (&Value::from("2015-07-01T00:00:00"), &Value::from(true)));
    let number = |name: &str, step: usize| column[name][step].as_f64().unwrap();
    for step in 0..7 {
        let bounds = ["low_95", "low_80", "forecast", "high_80", "high_95"].map(|name| number(name, step));
        assert!(bounds.is_sorted() && number("observed", step) > 10.0, "{column}");
    }
    let unknown = &json(&run(&[&args[..], &["--json"]].concat()))[0];
    assert!(unknown["columns"][0]["observed"][0].is_null());
}

#[test]
fn times_that_cannot_be_forecast_are_wrong_usage() {
    for at in ["2012-01-05", "2030-01-01", "soon"] {
        let output = run(&["forecast", "--model", trained(), "--at", at]);
        assert_eq!(output.status.code(), Some(USAGE), "{}", text(&output.stderr));
    }
}

/// One model for two shops, with the promotions of the next six days.
#[test]
fn several_series_with_known_values_are_forecast_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let (table, run_dir) = (dir.path().join("shops.csv"), dir.path().join("run"));
    let mut rows = "date,shop,sales,promo\n".to_owned();
    for day in 0..126 {
        let date = jiff::civil::date(2024, 1, 1) + jiff::Span::new().days(day);
        for (shop, level) in [("north", 10), ("south", 1000)] {
            let promo = i64::from(day % 5 == 0);
            let sales = if day < 120 { (level * (1 + promo) + day % 7).to_string() } else { String::new() };
            rows += &format!("{date},{shop},{sales},{promo}\n");
        }
    }
    std::fs::write(&table, rows).unwrap();
    let train = ["train", "--csv", shown(&table), "--target", "sales", "--out", shown(&run_dir)];
    let size = ["--epochs", "1", "--look-back", "14", "--horizon", "4", "--set", "model.hidden_size=8"];
    let args = |more: &[&'static str]| [&train[..], &size, more].concat();
    assert_refused(&args(&["--known", "promo"]), "column `shop`");
    assert_refused(&args(&["--known", "promo"]), "--id");
    assert_refused(&args(&["--id", "shop"]), "--known");
    assert!(run(&args(&["--id", "shop", "--known", "promo"])).status.success());

    let forecast = &json(&run(&["forecast", "--json", "--model", shown(&run_dir)]))[0];
    assert_eq!(forecast.as_object().unwrap().keys().collect::<Vec<_>>(), ["north", "south"]);
    let south = &forecast["south"]["columns"][0];
    assert_eq!((&south["name"], &south["time"][0]), (&Value::from("sales"), &Value::from("2024-04-30T00:00:00")));
    let whole = run(&["forecast", "--json", "--model", shown(&run_dir)]).stdout;
    for shards in [1, 3] {
        let output = |number| {
            let path = dir.path().join(format!("{number}.json"));
            let shard = format!("{number}/{shards}");
            let output = run(&["forecast", "--json", "--model", shown(&run_dir), "--shard", &shard]);
            std::fs::write(&path, output.stdout).unwrap();
            path
        };
        let outputs: Vec<PathBuf> = (1..=shards).map(output).collect();
        let merge: Vec<&str> = ["merge"].into_iter().chain(outputs.iter().map(|path| shown(path))).collect();
        assert_eq!(text(&run(&merge).stdout), text(&whole), "{shards} shards");
    }
    let measured = &json(&run(&["eval", "--json", "--model", shown(&run_dir)]))[0];
    assert!(
        measured["metrics"]["mae[north]"].is_number()
            && measured["baselines"]["persistence"]["mase[south]"].is_number()
    );
    let table =
        text(&run(&["forecast", "--model", shown(&run_dir), "--plot", shown(&dir.path().join("plot.svg"))]).stdout);
    assert!(table.starts_with("north\n") && table.contains("\nsouth\n"), "{table}");
}

#[test]
fn a_backtest_keeps_its_finished_folds() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("folds");
    let args = ["backtest", "--json", "--epochs", "2", "--folds", "2", "--out", shown(&place)];
    let first = json(&run(&args));
    let [_, _, result] = &first[..] else { panic!("two folds and their summary: {first:?}") };
    assert!(result["metrics"]["skill_mae_persistence"].as_f64().unwrap() > 0.0, "{result}");
    assert_eq!(json(&run(&args)), std::slice::from_ref(result), "finished folds are not trained again");
    let other = run(&["backtest", "--epochs", "1", "--folds", "2", "--out", shown(&place)]);
    assert_eq!(other.status.code(), Some(USAGE), "{}", text(&other.stderr));

    let shared = dir.path().join("shared");
    let args = [&args[..6], &["--out", shown(&shared)]].concat();
    for (shard, fold) in [("2/2", "fold-2"), ("1/2", "fold-1")] {
        let trained = json(&run(&[&args[..], &["--shard", shard]].concat()));
        let runs: Vec<_> = trained.iter().map(|fold| Path::new(fold["run"].as_str().unwrap())).collect();
        assert_eq!(runs, [shared.join(fold)]);
    }
    assert_eq!(json(&run(&args)), std::slice::from_ref(result), "the folds of all shards, measured together");
    assert_eq!(run(&[&args[..], &["--shard", "3/2"]].concat()).status.code(), Some(USAGE));
}

/// Ctrl-C in the second fold stops with a checkpoint, and the same command resumes.
#[cfg(unix)]
#[test]
fn an_interrupted_backtest_resumes_in_the_second_fold() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("folds");
    let args = ["backtest", "--json", "--epochs", "8", "--folds", "2", "--out", shown(&place)];
    let second = place.join("fold-2");
    let mut running = command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !second.join("metrics.jsonl").exists() {
        assert!(running.try_wait().unwrap().is_none(), "the program ended before the second fold");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert!(std::fs::read_dir(second.join("checkpoints")).unwrap().next().is_some(), "there is no checkpoint");
    assert!(!second.join("report.md").exists());

    let resumed = json(&run(&args));
    let [fold, _] = &resumed[..] else { panic!("the second fold and the summary: {resumed:?}") };
    assert_eq!(Path::new(fold["run"].as_str().unwrap()), second);
}

/// A CSV file of 400 rows, with `more` lines at its end.
fn table(dir: &Path, header: &str, row: impl Fn(usize) -> String, more: &str) -> PathBuf {
    let rows: String = (0..400).map(|number| row(number) + "\n").collect();
    let path = dir.join("own.csv");
    std::fs::write(&path, format!("{header}\n{rows}{more}")).unwrap();
    path
}

/// Trains for one epoch on a CSV file, in `place`.
fn train(place: &Path, csv: &Path, more: &[&str]) -> Output {
    let small = ["--epochs", "1", "--look-back", "12", "--horizon", "4", "--set", "model.hidden_size=8"];
    run(&[&["train", "--csv", shown(csv), "--out", shown(place)], &small[..], more].concat())
}

#[test]
fn unknown_tables_train_or_name_the_option_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let day = |number: usize| format!("20{:02}-{:02}-{:02}", number / 336, number / 28 % 12 + 1, number % 28 + 1);
    let wave = |number: usize| (number as f64 / 5.0).sin() + 20.0;
    let mut runs = 0;
    let mut attempt = |csv: &Path, more: &[&str]| {
        runs += 1;
        let output = train(&dir.path().join(format!("run-{runs}")), csv, more);
        (output.status.success(), text(&output.stderr))
    };
    let mut works = |csv: &Path, more: &[&str]| {
        let (done, message) = attempt(csv, more);
        assert!(done, "{message}");
    };
    let refused = dir.path().join("refused");
    let fails = |csv: &Path, more: &[&str], option: &str| {
        assert_refused(&[&["train", "--csv", shown(csv), "--out", shown(&refused)], more].concat(), option);
    };

    let missing = |n: usize| format!("{},{}", day(n), if n == 7 { "NA".to_owned() } else { wave(n).to_string() });
    let missing = table(dir.path(), "date,load", missing, "");
    fails(&missing, &[], "--missing");
    works(&missing, &["--missing", "previous"]);

    let split = table(dir.path(), "year,month,day,load", |n| format!("{},{}", day(n).replace('-', ","), wave(n)), "");
    works(&split, &["--target", "load"]);

    let newest_first = table(dir.path(), "date,load,price", |n| format!("{},{},{}", day(399 - n), wave(n), n % 7), "");
    works(&newest_first, &["--target", "load", "--covariates", "price"]);
    fails(&newest_first, &["--target", "loads"], "--target");

    let minutes = |n: usize| format!("2020-01-{:02} {:02}:{:02},{}", 1 + n / 144, n / 6 % 24, 10 * (n % 6), wave(n));
    let ten_minutes = table(dir.path(), "when,load", minutes, "");
    fails(&ten_minutes, &[], "--time");
    works(&ten_minutes, &["--time", "when"]);
    fails(&ten_minutes, &["--time", "when", "--freq", "1d"], "data.look_back");
    fails(&ten_minutes, &["--time", "when", "--freq", "1min"], "--freq");

    let duplicate = table(dir.path(), "date,load", |n| format!("{},{}", day(n), wave(n)), "2000-01-01,3\n");
    fails(&duplicate, &[], "--duplicates");
    works(&duplicate, &["--duplicates", "mean"]);
    works(&duplicate, &["--doubled", "mean"]);
}

/// Columns are found by name. The season of rows that are seconds apart is a day, which is longer than the table, so
/// the error of seasonal persistence is not defined.
#[test]
fn forecasts_of_other_tables_find_their_columns_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let time = |number: usize| format!("2020-01-01 00:{:02}:{:02}", number / 60, number % 60);
    let wave = |number: usize| (number as f64 / 5.0).sin();
    let row = |number| format!("{},{},{}", time(number), wave(number), 1000.0 + wave(number));
    let csv = table(dir.path(), "time,low,high", row, "");
    let place = dir.path().join("run");
    let output = train(&place, &csv, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    let plot = dir.path().join("forecast.svg");
    let forecast = |csv: &Path| {
        run(&["forecast", "--json", "--model", shown(&place), "--csv", shown(csv), "--plot", shown(&plot)])
    };
    let expected = json(&forecast(&csv));
    let row = |number| format!("{},7,{},{}", time(number), 1000.0 + wave(number), wave(number));
    assert_eq!(json(&forecast(&table(dir.path(), "time,more,high,low", row, ""))), expected);
    let row = |number| format!("{},{}", time(number), wave(number));
    let output = forecast(&table(dir.path(), "time,low", row, ""));
    assert!(text(&output.stderr).contains("high"), "{}", text(&output.stderr));
    let row = |number: usize| format!("{},1,2", 1600 + number);
    let output = forecast(&table(dir.path(), "year,high,low", row, ""));
    assert_eq!(output.status.code(), Some(USAGE), "{}", text(&output.stderr));
}

/// The forecast continues the numbers of the steps, and begins at one of them on request.
#[test]
fn steps_with_numbers_are_forecast_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let csv = table(dir.path(), "t,load", |number| format!("{number},{}", (number as f64 / 5.0).sin()), "");
    let place = dir.path().join("run");
    let output = train(&place, &csv, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plot = dir.path().join("forecast.svg");
    let args = ["forecast", "--json", "--model", shown(&place), "--plot", shown(&plot)];
    let column = |more: &[&str]| json(&run(&[&args[..], more].concat()))[0]["columns"][0].clone();
    let after = column(&[]);
    assert_eq!((&after["step"], &after["time"]), (&serde_json::json!([400.0, 401.0, 402.0, 403.0]), &Value::Null));
    assert_eq!(column(&["--at", "350"])["step"][0], serde_json::json!(350.0));
}

#[test]
fn subjects_name_the_folder_where_their_data_were_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for subject in ["weather", "stock", "energy"] {
        assert_refused(&["train", "--dataset", subject, "--data-dir", "/nowhere", "--out", shown(&out)], "/nowhere");
    }
}

/// A run identifies its data by their content, so the file may have another path when the run is resumed or measured.
#[test]
fn a_run_finds_its_table_after_both_were_moved() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let row = |number: usize| format!("2020-01-01 00:{:02}:{:02},{}", number / 60, number % 60, number % 9);
    std::fs::create_dir_all(place("old")).unwrap();
    std::fs::create_dir_all(place("new data")).unwrap();
    let (old, new) = (table(&place("old"), "time,load", row, ""), place("new data/own.csv"));
    let output = train(&place("first"), &old, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let start = std::fs::read_to_string(place("first/run.json")).unwrap();
    assert!(start.contains("own.csv") && !start.contains(shown(dir.path())), "{start}");
    std::fs::rename(&old, &new).unwrap();
    std::fs::rename(place("first"), place("moved")).unwrap();

    let resume = |options: &[&str]| run(&[&["train", "--resume", shown(&place("moved"))], options].concat());
    let output = resume(&[]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("--data-dir"), "{output:?}");
    assert_refused(
        &["train", "--resume", shown(&place("moved")), "--csv", shown(&new), "--horizon", "5"],
        "data.horizon",
    );
    assert_refused(&["train", "--resume", shown(&place("moved")), "--dataset", "energy"], "energy-day-ahead");
    assert!(resume(&["--data-dir", shown(&place("new data"))]).status.success());
    let measured = |more: &[&str]| json(&run(&[&["eval", "--json", "--model", shown(&place("moved"))], more].concat()));
    let found = measured(&["--data-dir", shown(&place("new data"))]);
    let output = resume(&["--csv", shown(&new), "--epochs", "2"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(place("moved/metrics.jsonl")).unwrap().lines().count(), 2);
    // The recipe of the run has the new path.
    assert!(measured(&[])[0]["metrics"]["mae"].is_number() && found[0]["metrics"]["mae"].is_number());

    std::fs::write(&new, std::fs::read_to_string(&new).unwrap().replace(",8", ",7")).unwrap();
    let output = resume(&[]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("data have changed"), "{output:?}");
}

#[test]
fn a_data_folder_that_is_not_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for verb in [["train", "--out", shown(&out)], ["forecast", "--model", trained()]] {
        let output = run(&[&verb[..], &["--data-dir", shown(dir.path())]].concat());
        assert_eq!(output.status.code(), Some(USAGE), "{}", text(&output.stderr));
    }
}

#[test]
fn json_comes_without_a_picture_unless_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let forecast = |options: &[&str]| {
        let arguments = [&["forecast", "--model", trained()], options].concat();
        command(&arguments).current_dir(dir.path()).output().unwrap()
    };
    let picture = dir.path().join("forecast.svg");
    json(&forecast(&["--json"]));
    assert!(!picture.exists());
    // There is a folder at the path of the picture, so the picture cannot be written.
    std::fs::create_dir(&picture).unwrap();
    let output = forecast(&[]);
    assert!(output.status.success() && text(&output.stdout).contains("temp_max"), "{}", text(&output.stderr));
    assert_eq!(forecast(&["--plot", "forecast.svg"]).status.code(), Some(1));
    std::fs::remove_dir(&picture).unwrap();
    assert!(forecast(&[]).status.success() && picture.is_file());
}
