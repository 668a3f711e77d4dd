//! Options of `train` for a subject, or for a table of one's own.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datasets::{CsvFormat, Span};
use serde::Serialize;
use training::settings::Count;
use training::{Changes, TaskResult};

/// Options of `train`.
#[derive(Clone, Debug, Default, Args)]
pub struct SeriesOptions {
    /// Forecast this, by the recipe made for it
    #[arg(long, value_enum, value_name = "SUBJECT", conflicts_with_all = ["recipe", "csv"])]
    dataset: Option<Subject>,
    /// Learn from this CSV file; by the recipe own-series if none is named
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableOptions,
    /// The columns to forecast [default: all that hold numbers]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    target: Vec<String>,
    /// The columns to read and not to forecast [default: none]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "target")]
    covariates: Vec<String>,
    /// Average rows to steps of this length, such as 10min, 1h, 1d or 1w [default: a row is a step]
    #[arg(long, value_name = "SPAN", requires = "csv")]
    freq: Option<Span>,
    /// Steps to forecast
    #[arg(long, value_name = "STEPS")]
    horizon: Option<Count>,
    /// Steps to read before them
    #[arg(long, value_name = "STEPS")]
    look_back: Option<Count>,
}

/// Options for a table of one's own: how it is to be read.
#[derive(Clone, Debug, Default, Args, Serialize)]
pub struct TableOptions {
    /// The columns that hold the time [default: found by their names]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time: Vec<String>,
    /// How the time is written, as for strftime, such as %d.%m.%Y [default: found out]
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    date_format: Option<String>,
    /// A number that stands for a missing value, such as -9999
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, requires = "csv")]
    sentinel: Option<f32>,
    /// What becomes of missing values [default: refuse, they are an error]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["refuse", "previous", "interpolate", "drop"])]
    missing: Option<String>,
    /// What becomes of rows with the same time [default: refuse, they are an error]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["refuse", "first", "last", "mean", "keep"])]
    doubled: Option<String>,
    /// What becomes of times that are left out [default: keep, rows are steps]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["keep", "previous", "interpolate"])]
    gaps: Option<String>,
}

/// What may be forecast with data that the zoo knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The temperature of the next 24 hours (weather-temperature-24h)
    Weather,
    /// How much the S&P 500 will move tomorrow (stock-volatility)
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
    /// The settings that they stand for.
    pub fn changes(&self) -> TaskResult<Changes> {
        let mut settings = Settings::default();
        let mut recipe = self.dataset.map(Subject::recipe);
        if let Some(file) = &self.csv {
            let path = std::path::absolute(file).map_err(|error| format!("cannot find {}: {error}", file.display()))?;
            let path = path.to_str().ok_or_else(|| format!("{} is not UTF-8; rename it", file.display()))?;
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
    /// Those that are given, as settings of a [`CsvFormat`].
    fn given(&self) -> TaskResult<toml::Table> {
        Ok(toml::Table::try_from(self)?)
    }

    /// A format, with what is given in place of what it says.
    pub fn over(&self, format: CsvFormat) -> TaskResult<CsvFormat> {
        let mut settings = toml::Table::try_from(format)?;
        settings.extend(self.given()?);
        Ok(settings.try_into()?)
    }
}

#[derive(Default)]
struct Settings(Vec<String>);

impl Settings {
    /// Of `[data]`, where it is given.
    fn set(&mut self, key: &str, value: Option<impl Serialize>) -> TaskResult<()> {
        if let Some(value) = value {
            let value = toml::Value::try_from(value).map_err(|error| format!("cannot set data.{key}: {error}"))?;
            self.0.push(format!("data.{key}={value}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use datasets::{Doubled, Missing};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: SeriesOptions,
        #[arg(long)]
        recipe: Option<String>,
    }

    fn changes(line: &str) -> Result<Changes, String> {
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
    fn options_replace_what_a_format_says() {
        let format = CsvFormat { sentinel: Some(-1.0), missing: Missing::Drop, ..CsvFormat::default() };
        let cli = Cli::try_parse_from("forecast --csv a --sentinel -9 --doubled mean".split(' ')).unwrap();
        let expected = CsvFormat { sentinel: Some(-9.0), doubled: Doubled::Mean, ..format.clone() };
        assert_eq!(cli.options.table.over(format).unwrap(), expected);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in ["train --target x", "train --dataset stock --csv a", "train --dataset stock --recipe b"] {
            assert!(changes(line).is_err(), "{line}");
        }
    }
}
