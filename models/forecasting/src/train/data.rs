//! The table `[data]` of a recipe: which series, which columns, and how the series is split.

use std::path::PathBuf;
use std::sync::Arc;

use datasets::{CsvFormat, Locator, Note, RollUp, Series, Span, energy, stocks, weather};
use inference::settings::Count;
use serde::{Deserialize, Serialize};
use timesteps::Rhythm;
use training::{Splits, TaskError, TaskResult};

use super::volatility;
use crate::frame::{Frame, Windows};
use crate::history::History;
use crate::scaler::Scaler;
use crate::settings::{Split, WindowSettings};

/// The table `[data]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The series to load.
    pub set: Set,
    /// The CSV file, for `set = "csv"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The format of the CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CsvFormat>,
    /// The names of the columns to forecast; all columns if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// The names of the columns that the network reads but does not forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covariates: Vec<String>,
    /// The number of steps that the network reads.
    pub look_back: Count,
    /// The number of steps that the network forecasts.
    pub horizon: Count,
    /// The length of a step, such as `1h`: the rows of each step are rolled up to one. If absent, each row is a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freq: Option<Span>,
    /// Whether a step of the length `freq` has the mean or the sum of its rows.
    #[serde(default, skip_serializing_if = "is_mean")]
    pub roll_up: RollUp,
    /// The number of steps from the start of one window to the start of the next.
    #[serde(default = "one")]
    pub stride: Count,
    /// The number of steps per season, for seasonal baselines. If absent, the season is a day, a week or a year: see
    /// [`Rhythm::season`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<Count>,
    /// How the rows are split into training, validation and test part, in order of time.
    pub split: Split,
}

/// The series that the key `set` of a recipe's `[data]` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Daily weather of Seattle, embedded in the program.
    Seattle,
    /// Jena's weather of 2020, every ten minutes, with the duplicate times and the missing values (-9999) of the
    /// published file, as the papers on long-horizon forecasting use it.
    Jena,
    /// Jena's weather of 2020, with duplicate times averaged, and with gaps and missing values filled.
    JenaMended,
    /// Jena's weather of 2009 to 2016, every ten minutes.
    #[serde(rename = "jena-2009-2016")]
    Jena2009,
    /// Hourly load and oil temperature of an electricity transformer (ETTh1).
    Etth1,
    /// The hourly electric load of the region PJM East.
    PjmEast,
    /// Prices of the S&P 500 index, one row per trading day.
    Sp500,
    /// Three columns computed from the S&P 500 and the VIX: logarithm of the daily variance, return in percent,
    /// logarithm of the VIX.
    Sp500Volatility,
    /// The volatility index VIX, one row per trading day.
    Vix,
    /// Share prices of 40 companies, one row per trading day.
    Companies,
    /// The CSV file that `file` names.
    Csv,
}

impl DataConfig {
    /// Loads the series, and checks that each part is long enough for a window.
    pub fn load(&self, locator: &Locator) -> TaskResult<Series> {
        let series = self.series(locator)?;
        self.check(series.len())?;
        Ok(series)
    }

    /// Copies these settings, but names a CSV file as the series to load. `columns` are the columns to load from the
    /// file.
    pub fn of_file(&self, file: PathBuf, columns: &[String], format: CsvFormat) -> Self {
        let format = CsvFormat { columns: columns.to_vec(), ..format };
        Self { set: Set::Csv, file: Some(file), format: Some(format), ..self.clone() }
    }

    /// Loads the series without checking its length.
    pub fn series(&self, locator: &Locator) -> TaskResult<Series> {
        let series = match (self.set, &self.file) {
            (Set::Csv, Some(file)) => Series::from_csv(file, &self.format.clone().unwrap_or_default())?,
            (Set::Csv, None) => {
                return Err(TaskError::setting(
                    "data.file",
                    "data.set = \"csv\" needs the path of a CSV file; set data.file",
                ));
            }
            (_, Some(_)) => {
                return Err(TaskError::setting(
                    "data.file",
                    "a file is read only with data.set = \"csv\"; change data.set, or remove data.file",
                ));
            }
            (Set::Seattle, None) => weather::seattle()?,
            (Set::Jena, None) => weather::jena_2020(locator)?,
            (Set::JenaMended, None) => weather::jena_2020_mended(locator)?,
            (Set::Jena2009, None) => weather::jena_2009_2016(locator)?,
            (Set::Etth1, None) => energy::etth1(locator)?,
            (Set::PjmEast, None) => energy::pjm_east(locator)?,
            (Set::Sp500, None) => stocks::sp_500(locator)?,
            (Set::Vix, None) => stocks::vix(locator)?,
            (Set::Companies, None) => stocks::companies(locator)?,
            (Set::Sp500Volatility, None) => volatility::series(locator)?,
        };
        Ok(match (self.freq, self.set) {
            (Some(span), Set::Csv) => series.without_unfinished(span).rolled_up(span, self.roll_up)?,
            // The recorded results of published series include their last step.
            (Some(span), _) => series.rolled_up(span, self.roll_up)?,
            (None, _) => series,
        })
    }

    /// Checks that the parts fit into a series of `rows` rows, and that a window fits into each part.
    fn check(&self, rows: usize) -> TaskResult<()> {
        let (look_back, horizon) = (self.look_back.get(), self.horizon.get());
        let [train, valid, test] = self.split.bounds(rows);
        if test > rows {
            return Err(TaskError::setting(
                "data.split",
                format!("the three parts need {test} rows, but the series has {rows}; make the parts smaller"),
            ));
        }
        if train < look_back + horizon {
            let message = format!(
                "a window of {look_back} + {horizon} rows does not fit into the {train} rows of the training part; give more \
                 rows, or a shorter data.look_back or data.horizon"
            );
            return Err(TaskError::setting("data.look_back", message));
        }
        if valid - train < horizon || test - valid < horizon {
            let message = format!(
                "{horizon} rows do not fit into the validation part of {} or the test part of {} rows; give more rows, or \
                 another data.split",
                valid - train,
                test - valid
            );
            return Err(TaskError::setting("data.horizon", message));
        }
        Ok(())
    }

    /// The names of the columns to read, targets first, and the number of targets.
    pub fn columns(&self, series: &Series) -> TaskResult<(Vec<String>, usize)> {
        let check = |setting: &'static str, name: &String| match series.column(name) {
            Some(_) => Ok(()),
            None => {
                let message =
                    format!("the series has no column `{name}`; its columns are: {}", series.columns.join(", "));
                Err(TaskError::setting(setting, message))
            }
        };
        let mut columns = if self.target.is_empty() { series.columns.clone() } else { self.target.clone() };
        let targets = columns.len();
        columns.iter().try_for_each(|name| check("data.target", name))?;
        for name in &self.covariates {
            check("data.covariates", name)?;
            if columns.contains(name) {
                return Err(TaskError::setting(
                    "data.covariates",
                    format!("column `{name}` is named twice; name each column once, as a target or as a covariate"),
                ));
            }
            columns.push(name.clone());
        }
        Ok((columns, targets))
    }

    /// Computes means and standard deviations of the columns over the training part.
    pub fn scaler(&self, series: &Series) -> TaskResult<Scaler> {
        let [train, _, _] = self.split.bounds(series.len());
        let (columns, targets) = self.columns(series)?;
        let history = history(series);
        for name in &columns[..targets] {
            let values = &history.column(name)?[..train];
            if values.iter().all(|value| Some(value) == values.first()) {
                let message =
                    format!("column `{name}` has one value in the whole training part; name other columns to forecast");
                return Err(TaskError::setting("data.target", message));
            }
        }
        Ok(Scaler::fit(&history, &columns, train)?)
    }

    /// Cuts the series into windows, for each part of the data.
    pub fn windows(&self, series: &Series, scaler: &Scaler) -> TaskResult<Splits<Windows>> {
        let (_, targets) = self.columns(series)?;
        let [train, valid, test] = self.split.bounds(series.len());
        let history = history(series);
        let season = self.season(&history);
        let frame = Frame::new(&history, targets, scaler.clone())?.with_parts(train, valid - train).with_season(season);
        let frame = Arc::new(frame);
        let part =
            |rows| Windows::new(frame.clone(), rows, self.look_back.get(), self.horizon.get(), self.stride.get());
        Ok(Splits { train: part(0..train), valid: part(train..valid), test: part(valid..test) })
    }

    /// The part of these settings that a package stores, because the predictor needs it.
    pub fn window_settings(&self) -> WindowSettings {
        let Self { look_back, horizon, stride, split, .. } = *self;
        WindowSettings { look_back, horizon, stride, covariates: self.covariates.clone(), split }
    }

    /// The number of steps per season: the setting `season`, or the number of rows in a [season](Rhythm::season) of the
    /// times; 1 if the rows have numbers in the place of times.
    pub fn season(&self, history: &History) -> usize {
        let usual = || if history.numbered { 1 } else { history.rhythm().season() };
        self.season.map_or_else(usual, Count::get)
    }
}

/// What a user has to know of a series: the changes that were made to it, and whether its times are irregular.
pub fn notes(series: &Series) -> Vec<String> {
    let irregular = (!Rhythm::of(&series.times).is_regular()).then_some(&Note::IrregularTimes);
    series.notes.iter().chain(irregular).map(|note| format!("data: {note}")).collect()
}

/// Converts a loaded series to a [`History`], the input of the predictor.
pub fn history(series: &Series) -> History {
    let width = series.columns.len();
    let column = |(index, name): (usize, &String)| {
        let values = series.values.iter().skip(index).step_by(width).copied().collect();
        (name.clone(), values)
    };
    let columns = series.columns.iter().enumerate().map(column).collect();
    History { times: series.times.clone(), numbered: series.numbered, clock: series.clock.clone(), columns }
}

fn is_mean(rule: &RollUp) -> bool {
    *rule == RollUp::Mean
}

fn one() -> Count {
    Count::ONE
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `rows` hours of `a = 0, 1, 2, …` and `b = −a`.
    fn series(rows: usize) -> Series {
        let mut text = "time,a,b\n".to_owned();
        for row in 0..rows {
            text += &format!("2020-01-{:02} {:02}:00,{row},-{row}\n", 1 + row / 24, row % 24);
        }
        Series::from_bytes(text.as_bytes(), Path::new("test.csv"), &CsvFormat::default()).unwrap()
    }

    fn config(more: &str) -> DataConfig {
        let base = "set = 'csv'\nlook_back = 6\nhorizon = 4\nseason = 24\nsplit = [0.7, 0.1, 0.2]\n";
        toml::from_str(&format!("{base}{more}")).unwrap()
    }

    #[track_caller]
    fn assert_setting(error: &TaskError, expected: &str) {
        assert!(matches!(error, TaskError::Setting { setting, .. } if *setting == expected), "{error}");
    }

    #[test]
    fn targets_come_before_covariates() {
        let series = series(100);
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        assert_eq!(config("").columns(&series).unwrap(), (names(["a", "b"]), 2));
        let config = config("target = ['b']\ncovariates = ['a']");
        assert_eq!(config.columns(&series).unwrap(), (names(["b", "a"]), 1));
        let windows = config.windows(&series, &config.scaler(&series).unwrap()).unwrap();
        let ends = |windows: Windows| (windows.origins[0], windows.origins[windows.len() - 1]);
        assert_eq!([windows.train, windows.valid, windows.test].map(ends), [(6, 66), (70, 76), (80, 96)]);
        let twice = DataConfig { covariates: vec!["b".to_owned()], ..config.clone() };
        assert_setting(&twice.columns(&series).unwrap_err(), "data.covariates");
        let unknown = DataConfig { target: vec!["c".to_owned()], ..config };
        assert_setting(&unknown.columns(&series).unwrap_err(), "data.target");
    }

    /// The series in a CSV file with the settings `more`, and the next times that it forecasts.
    fn loaded(rows: &[String], more: &str) -> (Series, Vec<String>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, format!("time,a\n{}\n", rows.join("\n")).as_bytes()).unwrap();
        let config = DataConfig { file: Some(file.path().to_path_buf()), ..config(more) };
        let series = config.series(&Locator::new(None)).unwrap();
        let frame = Frame::new(&history(&series), 1, Scaler::fit(&history(&series), &series.columns, 10).unwrap());
        let future = frame.unwrap().extended(3).times.split_off(series.len());
        (series, future.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rolled_up_series_have_whole_steps() {
        let start = jiff::civil::date(2023, 1, 1).at(0, 0, 0, 0);
        let time = |hour: i64| start.checked_add(jiff::SignedDuration::from_hours(hour)).unwrap();
        // 20 by day and 0 by night; four hours of the last day.
        let rows: Vec<String> =
            (0..24 * 30 + 4).map(|n| format!("{},{}", time(n), if n % 24 < 12 { 0 } else { 20 })).collect();
        for (more, value) in [("freq = '1d'", 10.0), ("freq = '1d'\nroll_up = 'sum'", 240.0)] {
            let (series, future) = loaded(&rows, more);
            assert_eq!(series.values, [value; 30]);
            assert_eq!(future, ["2023-01-31T00:00:00", "2023-02-01T00:00:00", "2023-02-02T00:00:00"]);
        }
        assert!(
            toml::from_str::<DataConfig>("set = 'csv'\nlook_back = 1\nhorizon = 1\nsplit = [1, 1, 1]\nroll_up = 'max'")
                .is_err()
        );
    }

    #[test]
    fn future_times_follow_the_pattern_of_the_file() {
        let numbered = |row: &dyn Fn(usize) -> String| (0..60).map(|n| format!("{},{n}", row(n))).collect::<Vec<_>>();
        let quarters = numbered(&|n| format!("{}-Q{}", 1990 + n / 4, 1 + n % 4));
        assert_eq!(loaded(&quarters, "").1, ["2005-01-01T00:00:00", "2005-04-01T00:00:00", "2005-07-01T00:00:00"]);
        let hours =
            numbered(&|n| format!("2023-05-{:02} {:02}:00", [1, 2, 3, 4, 5, 8, 9, 10, 11, 12][n / 6], 9 + n % 6));
        assert_eq!(loaded(&hours, "").1, ["2023-05-15T09:00:00", "2023-05-15T10:00:00", "2023-05-15T11:00:00"]);
        let milliseconds = numbered(&|n| format!("2023-05-01 00:00:00.{:03}", 15 * n));
        let expected = ["2023-05-01T00:00:00.9", "2023-05-01T00:00:00.915", "2023-05-01T00:00:00.93"];
        assert_eq!(loaded(&milliseconds, "").1, expected);
    }

    /// The calendar features of rows with numbers are zero, and a season has one row.
    #[test]
    fn numbered_rows_have_no_calendar() {
        let rows: Vec<String> = (0..60).map(|n| format!("{n},{n}")).collect();
        let (series, future) = loaded(&rows, "");
        assert!(series.numbered);
        assert_eq!(future, ["1970-01-01T00:01:00", "1970-01-01T00:01:01", "1970-01-01T00:01:02"]);
        let config = DataConfig { season: None, ..config("") };
        assert_eq!(config.season(&history(&series)), 1);
        let scaler = config.scaler(&series).unwrap();
        assert!(!scaler.yearly);
        let windows = config.windows(&series, &scaler).unwrap().train;
        let calendar = windows.batch(&windows.origins[..1], &burn::tensor::Device::flex()).calendar;
        assert_eq!(calendar.abs().sum().into_scalar::<f32>(), 0.0);
    }

    #[test]
    fn series_too_short_for_their_parts_are_refused() {
        assert_setting(&config("").check(12).unwrap_err(), "data.look_back");
        assert_setting(&config("").check(30).unwrap_err(), "data.horizon");
        let rows = DataConfig { split: serde_json::from_str("[20, 10, 10]").unwrap(), ..config("") };
        assert_setting(&rows.check(30).unwrap_err(), "data.split");
        assert!(config("").check(60).is_ok());
    }
}
