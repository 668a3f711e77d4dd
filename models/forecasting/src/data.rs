//! Which series, which columns of it, and how it is cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::{CsvFormat, Locator, Series, Span, energy, stocks, weather};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};
use training::{Splits, TaskResult};

use crate::frame::{Frame, Scaler, Windows};
use crate::options::TableOptions;
use crate::volatility;

/// `[data]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Which series.
    pub set: Set,
    /// The file of the set `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CsvFormat>,
    /// The columns to forecast; all if none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// Columns that are read and not forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covariates: Vec<String>,
    /// Steps that are read.
    pub look_back: Count,
    /// Steps that are forecast.
    pub horizon: Count,
    /// Length of a step, to which rows are averaged; a step is a row if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freq: Option<Span>,
    /// Steps from one window to the next.
    #[serde(default = "one")]
    pub stride: Count,
    /// Steps after which things repeat themselves, for yardsticks: those of a day, a week or a year if absent, whichever is the
    /// shortest of more than one whole step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<Count>,
    /// How the rows are shared out, in order of time.
    pub split: Split,
}

/// The series on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Seattle's weather by day, part of the program.
    Seattle,
    /// Jena's weather of 2020, every ten minutes, as the papers have it.
    Jena,
    /// The same with times and values mended.
    JenaMended,
    /// Jena's weather of 2009 to 2016.
    #[serde(rename = "jena-2009-2016")]
    Jena2009,
    /// A transformer's load and oil temperature by the hour.
    Etth1,
    /// The load of PJM's region East by the hour.
    PjmEast,
    /// The S&P 500 by trading day.
    Sp500,
    /// The logarithm of its daily variance, its return in percent, the logarithm of the VIX.
    Sp500Volatility,
    /// The VIX by trading day.
    Vix,
    /// The prices of 40 companies by trading day.
    Companies,
    /// A table of one's own.
    Csv,
}

/// How rows are shared out among training, validation and test part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write split = [0.7, 0.1, 0.2], the shares of the training, validation and test part, or whole \
                 numbers of rows"
)]
pub enum Split {
    /// So many rows; what is left over is not used.
    Rows([Count; 3]),
    /// So large shares; the validation part has what rounding leaves.
    Shares([Fraction; 3]),
}

impl Split {
    /// The rows at which the parts end.
    pub fn ends(self, rows: usize) -> [usize; 3] {
        let sizes = match self {
            Self::Rows(sizes) => sizes.map(Count::get),
            Self::Shares(shares) => {
                let [train, _, test] = shares.map(|share| (share.get() * rows as f64) as usize);
                let used = (shares.iter().map(|share| share.get()).sum::<f64>() * rows as f64).round() as usize;
                [train, used.min(rows).saturating_sub(train + test), test]
            }
        };
        let [train, valid, test] = sizes;
        [train, train + valid, train + valid + test]
    }
}

impl DataConfig {
    /// Finds the series, long enough for its parts.
    pub fn load(&self, data_dir: Option<&Path>) -> TaskResult<Series> {
        let series = self.series(data_dir)?;
        self.check(&series)?;
        Ok(series)
    }

    /// The same columns of another file of one's own, read as the first one was where `options` say nothing else.
    pub fn of_file(&self, file: PathBuf, columns: &[String], options: &TableOptions) -> TaskResult<Self> {
        let format = CsvFormat { columns: columns.to_vec(), ..self.format.clone().unwrap_or_default() };
        let format = options.over(format)?;
        Ok(Self { set: Set::Csv, file: Some(file), format: Some(format), ..self.clone() })
    }

    /// Finds the series.
    pub fn series(&self, data_dir: Option<&Path>) -> TaskResult<Series> {
        let locator = Locator::new(data_dir);
        let series = match (self.set, &self.file) {
            (Set::Csv, Some(file)) => Series::from_csv(file, &self.format.clone().unwrap_or_default())?,
            (Set::Csv, None) => return Err("data.set = \"csv\" needs a file; give one with --csv FILE".into()),
            (_, Some(_)) => return Err("data.file means nothing to this data.set; set data.set = \"csv\"".into()),
            (Set::Seattle, None) => weather::seattle()?,
            (Set::Jena, None) => weather::jena_2020(&locator)?,
            (Set::JenaMended, None) => weather::jena_2020_mended(&locator)?,
            (Set::Jena2009, None) => weather::jena_2009_2016(&locator)?,
            (Set::Etth1, None) => energy::etth1(&locator)?,
            (Set::PjmEast, None) => energy::pjm_east(&locator)?,
            (Set::Sp500, None) => stocks::sp_500(&locator)?,
            (Set::Vix, None) => stocks::vix(&locator)?,
            (Set::Companies, None) => stocks::companies(&locator)?,
            (Set::Sp500Volatility, None) => volatility::series(&locator)?,
        };
        Ok(match self.freq {
            Some(span) => series.averaged(span)?,
            None => series,
        })
    }

    /// Refuses a series that is too short for its parts and windows.
    fn check(&self, series: &Series) -> TaskResult<()> {
        let (rows, ends) = (series.len(), self.split.ends(series.len()));
        let (look_back, horizon) = (self.look_back.get(), self.horizon.get());
        let [train, valid, test] = ends;
        let wrong = if test > rows {
            format!("data.split asks for {test} rows, and there are {rows}")
        } else if train < look_back + horizon {
            format!("a window of {look_back} + {horizon} steps does not fit into the {train} rows of the training part")
        } else if valid - train < horizon || test - valid < horizon {
            format!("{horizon} steps do not fit into the {} and {} rows that are held out", valid - train, test - valid)
        } else {
            return Ok(());
        };
        Err(format!("{wrong}; give more rows, a shorter --look-back or --horizon, or other parts by --set data.split")
            .into())
    }

    /// The numbers of the columns to read, those to forecast first, and how many these are.
    pub fn columns(&self, series: &Series) -> TaskResult<(Vec<usize>, usize)> {
        let mut columns = match self.target.is_empty() {
            true => (0..series.columns.len()).collect(),
            false => places(series, &self.target)?,
        };
        let targets = columns.len();
        for (name, column) in self.covariates.iter().zip(places(series, &self.covariates)?) {
            if columns.contains(&column) {
                return Err(format!("column `{name}` is named twice in data.target and data.covariates").into());
            }
            columns.push(column);
        }
        Ok((columns, targets))
    }

    /// Mean and deviation of its columns over the training part.
    pub fn scaler(&self, series: &Series) -> TaskResult<Scaler> {
        let [train, _, _] = self.split.ends(series.len());
        let (columns, targets) = self.columns(series)?;
        let changes = |&column: &usize| (1..train).any(|row| series.row(row)[column] != series.row(0)[column]);
        if let Some(&column) = columns[..targets].iter().find(|column| !changes(column)) {
            let name = &series.columns[column];
            return Err(format!("column `{name}` never changes in the training part; name others in --target").into());
        }
        Ok(Scaler::fit(series, &columns, train))
    }

    /// The windows of each part.
    pub fn windows(&self, series: &Series, scaler: &Scaler) -> TaskResult<Splits<Windows>> {
        let (columns, targets) = self.columns(series)?;
        let [train, valid, test] = self.split.ends(series.len());
        let frame = Frame::new(series, &columns, targets, scaler.clone());
        let frame = Arc::new(frame.with_parts(train, valid - train, self.season(series)));
        let part =
            |rows| Windows::new(frame.clone(), rows, self.look_back.get(), self.horizon.get(), self.stride.get());
        Ok(Splits { train: part(0..train), valid: part(train..valid), test: part(valid..test) })
    }

    /// Steps after which things repeat themselves.
    pub fn season(&self, series: &Series) -> usize {
        const DAY: i64 = 86_400;
        const WEEK: i64 = 7 * DAY;
        const YEAR: i64 = 31_557_600;
        let usual = || match series.step() {
            // Of trading days there are five a week.
            DAY if !series.has_weekends() => 5,
            step if step > 0 => {
                let whole = |span: i64| Some((span as f64 / step as f64).round() as usize).filter(|steps| *steps > 1);
                let fits = |span: &i64| span % step == 0 && *span > step;
                [DAY, WEEK].into_iter().find(fits).and_then(whole).or_else(|| whole(YEAR)).unwrap_or(1)
            }
            _ => 1,
        };
        self.season.map_or_else(usual, Count::get)
    }
}

/// A number of seconds in the largest unit of which they are a whole number.
pub fn apart(seconds: i64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let fits = |(_, length): &(&str, i64)| seconds % length == 0;
    units.into_iter().find(fits).map_or(String::new(), |(unit, length)| format!("{} {unit}", seconds / length))
}

fn one() -> Count {
    Count::ONE
}

/// Where columns of these names are in a series.
pub fn places(series: &Series, names: &[String]) -> TaskResult<Vec<usize>> {
    let find = |name: &String| {
        let known = series.columns.join(", ");
        series.column(name).ok_or_else(|| format!("there is no column `{name}`; there are: {known}").into())
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::series;

    fn config(more: &str) -> DataConfig {
        let base = "set = 'csv'\nlook_back = 6\nhorizon = 4\nseason = 24\nsplit = [0.7, 0.1, 0.2]\n";
        toml::from_str(&format!("{base}{more}")).unwrap()
    }

    #[test]
    fn rows_are_shared_out_as_the_papers_do() {
        assert_eq!(config("").split.ends(52_696), [36_887, 42_157, 52_696]);
        let hours: Split = serde_json::from_str("[8640, 2880, 2880]").unwrap();
        assert_eq!(hours.ends(17_420), [8640, 11_520, 14_400]);
        assert!(serde_json::from_str::<Split>("[1.5, 1, 2]").unwrap_err().to_string().contains("split = [0.7"));
    }

    #[test]
    fn targets_come_before_covariates() {
        let series = series(100);
        assert_eq!(config("").columns(&series).unwrap(), (vec![0, 1], 2));
        let config = config("target = ['b']\ncovariates = ['a']");
        assert_eq!(config.columns(&series).unwrap(), (vec![1, 0], 1));
        let windows = config.windows(&series, &config.scaler(&series).unwrap()).unwrap();
        let ends = |windows: Windows| (windows.origins[0], windows.origins[windows.len() - 1]);
        assert_eq!([windows.train, windows.valid, windows.test].map(ends), [(6, 66), (70, 76), (80, 96)]);
        let twice = DataConfig { covariates: vec!["b".to_owned()], ..config.clone() };
        assert!(twice.columns(&series).unwrap_err().to_string().contains("twice"));
        let unknown = DataConfig { target: vec!["c".to_owned()], ..config };
        assert!(unknown.columns(&series).unwrap_err().to_string().contains("there are: a, b"));
    }

    #[test]
    fn series_too_short_for_their_parts_are_refused() {
        for (rows, part) in [(12, "does not fit into the 8 rows"), (30, "do not fit into the 3 and 6 rows")] {
            let error = config("").check(&series(rows)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(config("").check(&series(60)).is_ok());
    }
}
