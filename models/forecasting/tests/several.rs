//! Several series in one table: one model for all of them.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use datasets::{CsvFormat, DataError, Duplicates, Roles, Series, TableSeries};
use forecasting::scaler::Scalers;
use forecasting::train::Forecasting;
use forecasting::train::backtest::backtest;
use forecasting::train::data::{DataConfig, history};
use forecasting::{Forecaster, Predictor};
use inference::{Folder, PredictError};
use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::recipe::RecipeText;
use training::{Fitted, RecipeOf, Session, Task, TaskError, Training};

/// Daily sales of `shops` shops with `rows` rows each, at levels 100, 1,000, 10,000, …; the rows are sorted by shop or,
/// if `mixed` is true, by day.
fn shops(shops: usize, rows: usize, mixed: bool, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let start = jiff::civil::date(2021, 1, 1);
    let mut lines = Vec::new();
    for shop in 0..shops {
        for row in 0..rows {
            let day = start.checked_add(jiff::Span::new().days(row as i64)).unwrap();
            let level = 100.0 * 10f64.powi(shop as i32);
            let sales = level * (1.0 + 0.1 * f64::sin(row as f64) + 0.05 * rng.random::<f64>());
            lines.push((
                if mixed { row } else { 0 },
                format!("shop {},{shop},{day},{sales:.3}", b"abcdef"[shop] as char),
            ));
        }
    }
    lines.sort_by_key(|(row, _)| *row);
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    format!("name,number,date,sales\n{}\n", lines.join("\n"))
}

fn read(text: &str, id: &[&str], format: &CsvFormat) -> Result<Vec<TableSeries>, DataError> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let roles = Roles { id: names(id), target: names(&["sales"]), ..Roles::default() };
    let format = CsvFormat { columns: roles.target.clone(), ..format.clone() };
    TableSeries::from_bytes(text.as_bytes(), Path::new("shops.csv"), &format, &roles)
}

proptest! {
    /// Each series of a table with several series equals the series of a table that contains this series alone.
    #[test]
    fn series_are_told_apart(count in 2usize..5, rows in 5usize..30, mixed: bool, seed in 0u64..1000) {
        let text = shops(count, rows, mixed, seed);
        let all = read(&text, &["name"], &CsvFormat::default()).unwrap();
        prop_assert_eq!(all.len(), count);
        for series in &all {
            let own = text.lines().filter(|line| line.starts_with("name") || line.starts_with(&series.id));
            let own = own.map(|line| format!("{line}\n")).collect::<String>();
            let alone = Series::from_bytes(own.as_bytes(), Path::new("one.csv"), &CsvFormat {
                columns: vec!["sales".to_owned()], ..CsvFormat::default()
            }).unwrap();
            prop_assert_eq!((&alone.times, &alone.values), (&series.past.times, &series.past.values));
        }
    }

    /// The error names a column that distinguishes the series, for every treatment of rows with equal times except
    /// their mean, which gives one series.
    #[test]
    fn several_series_are_refused_without_an_identifier(count in 2usize..5, rows in 5usize..30, mixed: bool, seed in 0u64..1000) {
        let text = shops(count, rows, mixed, seed);
        for duplicates in [Duplicates::Refuse, Duplicates::First, Duplicates::Last, Duplicates::Keep] {
            let error = read(&text, &[], &CsvFormat { duplicates, ..CsvFormat::default() }).unwrap_err();
            let named = matches!(&error, DataError::SeveralSeries { columns, .. } if *columns == ["name"]);
            prop_assert!(named && error.setting() == Some("id"), "{}", error);
        }
        let mean = CsvFormat { duplicates: Duplicates::Mean, ..CsvFormat::default() };
        prop_assert_eq!(read(&text, &[], &mean).unwrap()[0].past.len(), rows);
    }
}

#[test]
fn two_columns_may_identify_a_series_together() {
    let mut text = "date,store,item,sales\n".to_owned();
    for day in 1..=20 {
        for (store, item) in [("x", "p"), ("x", "q"), ("y", "p"), ("y", "q")] {
            text += &format!("2021-01-{day:02},{store},{item},{}\n", day * 7 % 5);
        }
    }
    let error = read(&text, &[], &CsvFormat::default()).unwrap_err();
    assert!(matches!(&error, DataError::SeveralSeries { columns, .. } if *columns == ["store", "item"]), "{error}");
    let error = read(&text, &["store"], &CsvFormat::default()).unwrap_err();
    assert!(matches!(&error, DataError::SeveralSeries { columns, .. } if *columns == ["item"]), "{error}");
    let ids: Vec<String> =
        read(&text, &["store", "item"], &CsvFormat::default()).unwrap().into_iter().map(|series| series.id).collect();
    assert_eq!(ids, ["x/p", "x/q", "y/p", "y/q"]);
    let error = read(&text.replace("-07,x,p", "-07,,p"), &["store", "item"], &CsvFormat::default()).unwrap_err();
    assert!(matches!(&error, DataError::NoId { line: 26, column, .. } if column == "store"), "{error}");
    let error = read(&text, &["shop"], &CsvFormat::default()).unwrap_err();
    assert!(matches!(&error, DataError::NoColumn { setting: "id", .. }), "{error}");
}

/// The hour that is repeated at the end of daylight saving time has two rows, which a column distinguishes.
#[test]
fn a_repeated_hour_is_no_second_series() {
    let mut text = "time,zone,sales\n".to_owned();
    for hour in 0..200 {
        text += &format!("2021-10-{:02} {:02}:00,summer,{hour}\n", 1 + hour / 24, hour % 24);
    }
    text += "2021-10-09 07:00,winter,5\n";
    let error = read(&text, &[], &CsvFormat::default()).unwrap_err();
    assert!(matches!(error, DataError::DuplicateTimes { .. }), "{error}");
}

fn recipe(table: &Path) -> RecipeOf<Forecasting> {
    let data = format!(
        "set = 'csv'\nfile = '{}'\ntarget = ['sales']\nid = ['name']\nlook_back = 14\nhorizon = 4\nsplit = [0.6, 0.2, 0.2]\nformat.columns = ['sales']",
        table.display()
    );
    let model = "kind = 'recurrent'\nloss = 'mae'\ncell = 'gru'\nhidden_size = 8\nlayers = 1\ndecoding = 'direct'\nnormalise = 'window'";
    let training = "[training]\nepochs = 4\nbatch_size = 32\n[optimizer]\nkind = 'adam'\nlr = 0.005\n[schedule]\nkind = 'constant'";
    let text = format!("name = 'shops'\nabout = ''\nseed = 1\n[data]\n{data}\n[model]\n{model}\n{training}");
    RecipeText::embedded(&text).parse().unwrap()
}

/// One model forecasts all series, each at its own level. The package of the model and a backtest have the same series.
#[test]
fn one_model_forecasts_every_series() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("shops.csv");
    std::fs::write(&table, shops(3, 200, true, 5)).unwrap();
    let recipe = recipe(&table);
    let mut session = Session::default();
    let run = dir.path().join("run");
    let Fitted::Trained(trained) =
        Training::<Forecasting>::new(recipe.clone()).in_folder(&run).fit(&mut session).unwrap()
    else {
        panic!("interrupted")
    };
    let flat = trained.outcome.test.flat();
    let each = ["mae[shop a]", "mae[shop b]", "mae[shop c]"].map(|name| flat[name]);
    approx::assert_relative_eq!(flat["mae"], each.iter().sum::<f64>() / 3.0, max_relative = 1e-6);
    assert!(trained.outcome.baselines["persistence"].get("mae[shop b]").is_some());

    let package = Forecaster::from_files(&Folder::new(run.join("best"))).unwrap();
    let series = recipe.data.load(&session.locator).unwrap();
    for (series, level) in series.iter().zip([100.0, 1e3, 1e4]) {
        let forecast = package.predict_one(history(series)).unwrap();
        assert_eq!(forecast, trained.predictor.predict_one(history(series)).unwrap());
        let points = &forecast.columns[0].forecast;
        assert!(points.iter().all(|point| (0.8 * level..1.3 * level).contains(point)), "{points:?}");
    }
    let mut unknown = history(&series[0]);
    unknown.series = "shop z".to_owned();
    assert!(matches!(package.predict_one(unknown), Err(PredictError::BadInput { field: "series", .. })));

    let folds = backtest(&recipe, 2, |_| true, &dir.path().join("folds"), &mut session, |_| Ok(())).unwrap().unwrap();
    assert_eq!(folds[0].model.len(), 2 * (20 - 4 + 1), "one loss per time");
    std::fs::write(&table, shops(3, 200, true, 5).lines().take(560).collect::<Vec<_>>().join("\n")).unwrap();
    let refused = backtest(&recipe, 2, |_| true, &dir.path().join("other"), &mut session, |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("data.id"), "{refused}");
}

/// No window reads or forecasts rows of two series, and each part of the data is split by time within its series.
#[test]
fn windows_do_not_cross_series() {
    let text = shops(3, 60, true, 6);
    let data: DataConfig = toml::from_str(
        "set = 'csv'\ntarget = ['sales']\nid = ['name']\nlook_back = 14\nhorizon = 4\nsplit = [0.6, 0.2, 0.2]",
    )
    .unwrap();
    let series = read(&text, &["name"], &CsvFormat::default()).unwrap();
    let scalers = data.scalers(&series).unwrap();
    assert!(matches!(&scalers, Scalers::PerSeries(all) if all.len() == 3));
    for series in &series {
        let alone = data.scaler(&series.past).unwrap();
        assert_eq!(*scalers.of(&series.id).unwrap(), alone);
        let windows = data.windows(&history(series), &alone).unwrap();
        assert_eq!((windows.train.frame.len(), windows.train.origins.len()), (60, 36 - 14 - 4 + 1));
    }
}

#[test]
fn losses_of_one_series_and_short_series_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("shops.csv");
    std::fs::write(&table, shops(2, 80, true, 7)).unwrap();
    let mut qlike = recipe(&table);
    qlike.model.loss = forecasting::likelihood::Likelihood::Qlike;
    let series = qlike.data.load(&Session::default().locator).unwrap();
    let refused = Forecasting::fit(&qlike, &series, None).err();
    assert!(matches!(refused, Some(TaskError::Setting { setting: "data.id", .. })));
    let short: String = shops(2, 80, false, 7).lines().take(100).map(|line| format!("{line}\n")).collect();
    std::fs::write(&table, short).unwrap();
    let error = recipe(&table).data.load(&Session::default().locator).unwrap_err();
    assert!(matches!(&error, TaskError::Setting { message, .. } if message.contains("`shop b`")), "{error}");
}
