//! Options of `train` and `forecast` for a subject or a CSV file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cli::{Changes, CliError, Result};
use datasets::{CsvFormat, Span};
use inference::settings::Count;
use serde::Serialize;

/// Options of `train`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct SeriesOptions {
    /// Forecast this subject by its recipe
    #[arg(long, value_enum, value_name = "SUBJECT", conflicts_with_all = ["recipe", "csv"])]
    dataset: Option<Subject>,
    /// Train on this CSV file, by the recipe own-series unless --recipe names another
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableOptions,
    /// The columns to forecast [default: all columns of numbers]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    target: Vec<String>,
    /// Columns to read and not to forecast [default: none]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "target")]
    covariates: Vec<String>,
    /// Average the rows over steps of this length, such as 10min, 1h, 1d or 1w [default: a row is a step]
    #[arg(long, value_name = "SPAN", requires = "csv")]
    freq: Option<Span>,
    /// Steps to forecast
    #[arg(long, value_name = "STEPS")]
    horizon: Option<Count>,
    /// Steps to read before the forecast
    #[arg(long, value_name = "STEPS")]
    look_back: Option<Count>,
}

/// How to read a CSV file: the fields of [`CsvFormat`].
#[derive(Clone, Debug, Default, Args, Serialize)]
#[command(next_help_heading = "Data")]
pub struct TableOptions {
    /// The columns that hold the time [default: detected by name]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time: Vec<String>,
    /// Format of the time, as for strftime, such as %d.%m.%Y [default: detected]
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    date_format: Option<String>,
    /// A number that stands for a missing value, such as -9999
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, requires = "csv")]
    sentinel: Option<f32>,
    /// Treatment of missing values [default: refuse]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["refuse", "previous", "interpolate", "drop"])]
    missing: Option<String>,
    /// Treatment of rows with equal times [default: refuse]
    #[arg(long = "duplicates", alias = "doubled", value_name = "RULE", requires = "csv", value_parser = ["refuse", "first", "last", "mean", "keep"])]
    doubled: Option<String>,
    /// Treatment of missing times [default: keep: rows are steps]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["keep", "previous", "interpolate"])]
    gaps: Option<String>,
}

/// Subjects with published data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The temperature of the next 24 hours (weather-temperature-24h)
    Weather,
    /// The volatility of the S&P 500 of the next day (stock-volatility)
    Stock,
    /// The electric load of the next day (energy-day-ahead)
    Energy,
}

impl Subject {
    fn recipe(self) -> &'static str {
        match self {
            Self::Weather => "weather-temperature-24h",
            Self::Stock => "stock-volatility",
            Self::Energy => "energy-day-ahead",
        }
    }
}

impl SeriesOptions {
    /// Converts the options to the recipe and the overrides that they stand for.
    pub fn changes(&self) -> Result<Changes> {
        let mut settings = Settings::default();
        let mut recipe = self.dataset.map(Subject::recipe);
        if let Some(file) = &self.csv {
            let usage = |reason: &str| CliError::Usage(format!("--csv {}: {reason}", file.display()));
            let path = std::path::absolute(file).map_err(|error| usage(&error.to_string()))?;
            let path = path.to_str().ok_or_else(|| usage("the path is not UTF-8; rename the file"))?;
            recipe = Some("own-series");
            settings.set("set", Some("csv"))?;
            settings.set("file", Some(path))?;
        }
        let named = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
        let read = [self.target.as_slice(), &self.covariates].concat();
        for (key, value) in self.table.given()? {
            settings.set(&format!("format.{key}"), Some(value))?;
        }
        settings.set("format.columns", named(&read))?;
        settings.set("target", named(&self.target))?;
        settings.set("covariates", named(&self.covariates))?;
        settings.set("freq", self.freq)?;
        settings.set("horizon", self.horizon)?;
        settings.set("look_back", self.look_back)?;
        Ok(Changes { recipe, settings: settings.0 })
    }
}

impl TableOptions {
    /// The options that the user has given, as keys and values of a [`CsvFormat`].
    fn given(&self) -> Result<toml::Table> {
        toml::Table::try_from(self).map_err(usage)
    }

    /// Replaces the fields of a format for which the user has given an option.
    pub fn replace(&self, format: CsvFormat) -> Result<CsvFormat> {
        let mut settings = toml::Table::try_from(format).map_err(usage)?;
        settings.extend(self.given()?);
        settings.try_into().map_err(usage)
    }
}

fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

/// The command-line option that changes a [setting of the data](datasets::DataError::setting); `None` if there is none.
pub fn data_option(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "time" => "--time",
        "date_format" => "--date-format",
        "columns" => "--target and --covariates",
        "sentinel" => "--sentinel",
        "missing" => "--missing",
        "duplicates" => "--duplicates",
        "gaps" => "--gaps",
        "span" => "--freq",
        _ => return None,
    })
}

#[derive(Default)]
struct Settings(Vec<String>);

impl Settings {
    /// Adds an override of a key in `[data]`, if the user has given a value.
    fn set(&mut self, key: &str, value: Option<impl Serialize>) -> Result<()> {
        if let Some(value) = value {
            let value = toml::Value::try_from(value).map_err(usage)?;
            self.0.push(format!("data.{key}={value}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use datasets::{Duplicates, Missing};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: SeriesOptions,
        #[arg(long)]
        recipe: Option<String>,
    }

    fn changes(line: &str) -> std::result::Result<Changes, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        cli.options.changes().map_err(|error| error.to_string())
    }

    #[test]
    fn options_stand_for_settings() {
        let found =
            changes("train --csv /a.csv --time day,hour --target x,y --covariates z --freq 1h --sentinel -9999");
        let Changes { recipe, settings } = found.unwrap();
        assert_eq!(recipe, Some("own-series"));
        let expected = [
            r#"data.set="csv""#,
            r#"data.file="/a.csv""#,
            "data.format.sentinel=-9999.0",
            r#"data.format.time=["day", "hour"]"#,
            r#"data.format.columns=["x", "y", "z"]"#,
            r#"data.target=["x", "y"]"#,
            r#"data.covariates=["z"]"#,
            r#"data.freq="1h""#,
        ];
        assert_eq!(settings, expected);
        let Changes { recipe, settings } = changes("train --dataset energy --horizon 12").unwrap();
        assert_eq!((recipe, settings), (Some("energy-day-ahead"), vec!["data.horizon=12".to_owned()]));
    }

    #[test]
    fn options_replace_the_fields_of_a_format() {
        let format = CsvFormat { sentinel: Some(-1.0), missing: Missing::Drop, ..CsvFormat::default() };
        let cli = Cli::try_parse_from("forecast --csv a --sentinel -9 --duplicates mean".split(' ')).unwrap();
        let expected = CsvFormat { sentinel: Some(-9.0), duplicates: Duplicates::Mean, ..format.clone() };
        assert_eq!(cli.options.table.replace(format).unwrap(), expected);
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for line in ["train --target x", "train --dataset stock --csv a", "train --dataset stock --recipe b"] {
            assert!(changes(line).is_err(), "{line}");
        }
    }
}
