//! The table `[data]` of a recipe (a TOML file with the settings of a training): which series is loaded, which columns
//! are read, and how the series is split.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use datasets::{CsvFormat, Locator, Roles, RollUp, Series, Span, TableSeries, energy, stocks, weather};
use inference::settings::Count;
use serde::{Deserialize, Serialize};
use training::{Splits, TaskError, TaskResult};

use super::volatility;
use crate::frame::{Frame, Windows};
use crate::history::History;
use crate::scaler::{Scaler, Scalers};
use crate::settings::{Split, WindowSettings};
pub use crate::table::history;
use crate::table::past_of;

/// The table `[data]` of a recipe: the series, the columns, the lengths of the windows, and the split.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The series to load.
    pub set: Set,
    /// The path of the CSV file; only for `set = "csv"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The format of the CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CsvFormat>,
    /// The names of the columns to forecast. If absent, all columns are forecast that are not in `covariates` or
    /// `known`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// The names of the columns that the network reads but does not forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covariates: Vec<String>,
    /// The names of the columns whose future values are known, such as prices, promotions or holidays. The network
    /// reads these columns in the past and in the steps to forecast. The rows of the CSV file after the last value of
    /// the targets contain the future values of these columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// The names of the columns of the CSV file that together identify the series of a row. One model is trained on all
    /// series: a global model ([Montero-Manso & Hyndman 2021](https://arxiv.org/abs/2008.00444)). If empty, the file
    /// holds one series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// The number of steps that the network reads.
    pub look_back: Count,
    /// The number of steps that the network forecasts.
    pub horizon: Count,
    /// The length of a step, such as `1h`: the rows of each step are combined into one row. If absent, each row is a
    /// step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freq: Option<Span>,
    /// How the rows of a step of the length `freq` are combined: by their mean or by their sum.
    #[serde(default, skip_serializing_if = "is_mean")]
    pub roll_up: RollUp,
    /// The number of steps from the start of one window to the start of the next.
    #[serde(default = "one")]
    pub stride: Count,
    /// The number of steps per season, for seasonal baselines. If absent, the season is a day, a week or a year: see
    /// [`Rhythm::season`](timesteps::Rhythm::season).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<Count>,
    /// Whether forecasts of nonnegative targets, such as counts, are never below 0. A target is nonnegative if it has
    /// no value below 0 in the training part.
    #[serde(default)]
    pub nonnegative: bool,
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
    /// Jena's weather of 2009 to 2016, every ten minutes, cleaned like [`Set::JenaMended`].
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
    /// Loads all series, and checks that the training, validation and test part of each series are long enough for the
    /// settings `look_back` and `horizon`.
    pub fn load(&self, locator: &Locator) -> TaskResult<Vec<TableSeries>> {
        let series = self.series(locator)?;
        series.iter().try_for_each(|series| of_series(&series.id, self.check(series.past.len())))?;
        Ok(series)
    }

    /// Returns a copy of these settings that loads the series from the CSV file `file`. `columns` are the columns to
    /// load from this file.
    pub fn of_file(&self, file: PathBuf, columns: &[String], format: CsvFormat) -> Self {
        let format = CsvFormat { columns: columns.to_vec(), ..format };
        Self { set: Set::Csv, file: Some(file), format: Some(format), ..self.clone() }
    }

    /// Loads all series without checking their lengths. Only a CSV file with identifier columns (the setting `id`) can
    /// contain more than one series.
    pub fn series(&self, locator: &Locator) -> TaskResult<Vec<TableSeries>> {
        let mut series = match (self.set, &self.file) {
            (Set::Csv, Some(file)) => {
                let roles = Roles { id: self.id.clone(), target: self.target.clone(), known: self.known.clone() };
                locator.csv(&locator.own_file(file), &self.format.clone().unwrap_or_default(), &roles)?
            }
            _ => vec![self.published(locator)?],
        };
        if let Some(span) = self.freq {
            if !self.known.is_empty() {
                let message = "data.freq and data.known cannot be used together; remove data.freq, and give a table \
                               that already has the longer time steps";
                return Err(TaskError::setting("data.freq", message));
            }
            if series.iter().any(|series| series.past.numbered) {
                let message = "the rows have step numbers instead of times, so data.freq cannot combine them into \
                               longer time steps; remove data.freq";
                return Err(TaskError::setting("data.freq", message));
            }
            for series in &mut series {
                let past = std::mem::take(&mut series.past);
                // The last step of a published series is kept even if it is incomplete, because the recorded results
                // include this step.
                let whole = if self.set == Set::Csv { past.without_unfinished(span) } else { past };
                series.past = whole.rolled_up(span, self.roll_up)?;
            }
        }
        Ok(series)
    }

    /// Loads the published series that the setting `set` names. Fails if a setting for CSV files (`id` or `file`) is
    /// set, or if `set` is `csv`.
    fn published(&self, locator: &Locator) -> TaskResult<TableSeries> {
        if !self.id.is_empty() {
            let message = "data.id is only valid with data.set = \"csv\"; change data.set, or remove data.id";
            return Err(TaskError::setting("data.id", message));
        }
        let past = match (self.set, &self.file) {
            (Set::Csv, _) => {
                return Err(TaskError::setting(
                    "data.file",
                    "data.set = \"csv\" needs the path of a CSV file; set data.file",
                ));
            }
            (_, Some(_)) => {
                return Err(TaskError::setting(
                    "data.file",
                    "data.file is only valid with data.set = \"csv\"; change data.set, or remove data.file",
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
        Ok(past.into())
    }

    /// Checks that the parts fit into a series of `rows` rows, that the training part is long enough for a window (the
    /// look-back and the horizon), and that the validation and the test part are each long enough for the horizon.
    fn check(&self, rows: usize) -> TaskResult<()> {
        let (look_back, horizon) = (self.look_back.get(), self.horizon.get());
        let [train, valid, test] = self.split.bounds(rows);
        if test > rows {
            return Err(TaskError::setting(
                "data.split",
                format!("the three parts need {test} rows, but the series has only {rows}; make the parts smaller"),
            ));
        }
        if train < look_back + horizon {
            let message = format!(
                "a window of {look_back} + {horizon} rows does not fit into the {train} rows of the training part; \
                 give more rows, or a shorter data.look_back or data.horizon"
            );
            return Err(TaskError::setting("data.look_back", message));
        }
        if valid - train < horizon || test - valid < horizon {
            let message = format!(
                "a forecast of {horizon} rows does not fit into the validation part ({} rows) or the test part ({} \
                 rows); give more rows, or another data.split",
                valid - train,
                test - valid
            );
            return Err(TaskError::setting("data.horizon", message));
        }
        Ok(())
    }

    /// Returns the names of the columns to read, targets first, and the number of targets.
    pub fn columns(&self, series: &Series) -> TaskResult<(Vec<String>, usize)> {
        let check = |setting: &'static str, name: &String| match series.column(name) {
            Some(_) => Ok(()),
            None => {
                let message = format!(
                    "the series has no column `{name}`; choose from its columns: {}",
                    series.columns.join(", ")
                );
                Err(TaskError::setting(setting, message))
            }
        };
        let is_target = |name: &&String| !self.covariates.contains(name) && !self.known.contains(name);
        let mut columns = match self.target.is_empty() {
            true => series.columns.iter().filter(is_target).cloned().collect(),
            false => self.target.clone(),
        };
        let targets = columns.len();
        columns.iter().try_for_each(|name| check("data.target", name))?;
        let covariates = self.covariates.iter().map(|name| ("data.covariates", name));
        for (setting, name) in covariates.chain(self.known.iter().map(|name| ("data.known", name))) {
            check(setting, name)?;
            if columns.contains(name) {
                let message = format!(
                    "column `{name}` is named twice; name each column once, in data.target, data.covariates or \
                     data.known"
                );
                return Err(TaskError::setting(setting, message));
            }
            columns.push(name.clone());
        }
        Ok((columns, targets))
    }

    /// Computes means and standard deviations of the columns over the training part.
    pub fn scaler(&self, series: &Series) -> TaskResult<Scaler> {
        let [train, _, _] = self.split.bounds(series.len());
        let (columns, targets) = self.columns(series)?;
        let history = past_of(series);
        for name in &columns[..targets] {
            let values = &history.column(name)?[..train];
            if values.iter().all(|value| Some(value) == values.first()) {
                let message = format!(
                    "column `{name}` has the same value in all rows of the training part; name other columns in \
                     data.target"
                );
                return Err(TaskError::setting("data.target", message));
            }
        }
        let mut scaler = Scaler::fit(&history, &columns, train)?;
        if self.nonnegative {
            let never_negative = |name: &&String| history.columns[*name][..train].iter().all(|value| *value >= 0.0);
            scaler.nonnegative = columns[..targets].iter().filter(never_negative).cloned().collect();
        }
        Ok(scaler)
    }

    /// Computes the scaler of each series. Either all series have features of the time of year, or no series has these
    /// features.
    pub fn scalers(&self, series: &[TableSeries]) -> TaskResult<Scalers> {
        if let ([series], true) = (series, self.id.is_empty()) {
            return Ok(self.scaler(&series.past)?.into());
        }
        let scaler = |series: &TableSeries| Ok((series.id.clone(), of_series(&series.id, self.scaler(&series.past))?));
        let mut all = series.iter().map(scaler).collect::<TaskResult<BTreeMap<_, _>>>()?;
        let yearly = all.values().all(|scaler| scaler.yearly);
        all.values_mut().for_each(|scaler| scaler.yearly = yearly);
        Ok(Scalers::PerSeries(all))
    }

    /// Cuts a series into windows, for each part of the data.
    pub fn windows(&self, history: &History, scaler: &Scaler) -> TaskResult<Splits<Windows>> {
        let [train, valid, test] = self.split.bounds(history.len());
        let (known, season) = (self.known.len(), self.season(history));
        let targets = scaler.columns.len() - self.covariates.len() - known;
        let frame =
            Frame::new(history, targets, known, scaler.clone())?.with_parts(train, valid - train).with_season(season);
        let frame = Arc::new(frame);
        let part =
            |rows| Windows::new(frame.clone(), rows, self.look_back.get(), self.horizon.get(), self.stride.get());
        Ok(Splits { train: part(0..train), valid: part(train..valid), test: part(valid..test) })
    }

    /// Returns the settings that the predictor needs, which are stored in the package of the trained model.
    pub fn window_settings(&self) -> WindowSettings {
        let Self { look_back, horizon, stride, split, .. } = *self;
        let (covariates, known) = (self.covariates.clone(), self.known.clone());
        WindowSettings { look_back, horizon, stride, covariates, known, split }
    }

    /// Returns the number of steps per season: the setting `season`, if it is present. If it is absent, the season is a
    /// day, a week or a year (see [`Rhythm::season`](timesteps::Rhythm::season)), or one step if the rows have step
    /// numbers instead of times.
    pub fn season(&self, history: &History) -> usize {
        let usual = || if history.numbered { 1 } else { history.rhythm().season() };
        self.season.map_or_else(usual, Count::get)
    }
}

/// If `result` is a [`TaskError::Setting`], puts the identifier `id` of the series before its message. If `id` is
/// empty, as for a file with only one series, the message stays the same.
pub fn of_series<T>(id: &str, result: TaskResult<T>) -> TaskResult<T> {
    result.map_err(|error| match error {
        TaskError::Setting { setting, message } if !id.is_empty() => {
            TaskError::Setting { setting, message: format!("series `{id}`: {message}") }
        }
        error => error,
    })
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
        let windows = config.windows(&history(&series.clone().into()), &config.scaler(&series).unwrap()).unwrap();
        let ends = |windows: Windows| (windows.origins[0], windows.origins[windows.len() - 1]);
        assert_eq!([windows.train, windows.valid, windows.test].map(ends), [(6, 66), (70, 76), (80, 96)]);
        let twice = DataConfig { covariates: vec!["b".to_owned()], ..config.clone() };
        assert_setting(&twice.columns(&series).unwrap_err(), "data.covariates");
        let unknown = DataConfig { target: vec!["c".to_owned()], ..config };
        assert_setting(&unknown.columns(&series).unwrap_err(), "data.target");
    }

    /// The series in a CSV file with the settings `more`, and the times of the steps after the series.
    fn loaded(rows: &[String], more: &str) -> (Series, Vec<String>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, format!("time,a\n{}\n", rows.join("\n")).as_bytes()).unwrap();
        let config = DataConfig { file: Some(file.path().to_path_buf()), ..config(more) };
        let series = config.series(&Locator::new(None)).unwrap().remove(0);
        let history = history(&series);
        let scaler = Scaler::fit(&history, &series.past.columns, 10).unwrap();
        let frame = Frame::new(&history, 1, 0, scaler).unwrap().extended(3, &history.future).unwrap();
        let future = frame.times[history.len()..].to_vec();
        (series.past, future.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rolled_up_series_have_whole_steps() {
        let start = jiff::civil::date(2023, 1, 1).at(0, 0, 0, 0);
        let time = |hour: i64| start.checked_add(jiff::SignedDuration::from_hours(hour)).unwrap();
        // The values are 20 by day and 0 by night. The last day has only four hours.
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

    /// If rows have step numbers instead of times, their calendar features are 0, and a season has one row.
    #[test]
    fn numbered_rows_have_no_calendar() {
        let rows: Vec<String> = (0..60).map(|n| format!("{n},{n}")).collect();
        let (series, future) = loaded(&rows, "");
        assert!(series.numbered);
        assert_eq!(future, ["1970-01-01T00:01:00", "1970-01-01T00:01:01", "1970-01-01T00:01:02"]);
        let config = DataConfig { season: None, ..config("") };
        let (history, scaler) = (history(&series.clone().into()), config.scaler(&series).unwrap());
        assert!(config.season(&history) == 1 && !scaler.yearly);
        let windows = config.windows(&history, &scaler).unwrap().train;
        let calendar = windows.batch(&windows.origins[..1], &burn::tensor::Device::flex()).known;
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
