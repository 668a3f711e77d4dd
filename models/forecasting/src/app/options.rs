//! Command-line options of `train` and `forecast` that select the data: a published series or a CSV file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cli::{Changes, CliError, Result};
use datasets::{CsvFormat, Span};
use inference::settings::Count;
use serde::Serialize;

/// The options of `train` that only `forecasting` has: the series, its columns, and the lengths of the windows.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct SeriesOptions {
    /// Train on published data about this subject, by the shipped recipe for it
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
    /// Columns that the model reads but does not forecast [default: none]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "target")]
    covariates: Vec<String>,
    /// Roll the rows up to steps of this length, such as 10min, 1h, 1d or 1w; a first or last step that is not whole is
    /// left out [default: each row is a step]
    #[arg(long, value_name = "SPAN", requires = "csv")]
    freq: Option<Span>,
    /// What a step of --freq has: the mean of its rows, or their sum, as for sales and rain [default: mean]
    #[arg(long, value_name = "RULE", requires = "freq", value_parser = ["mean", "sum"])]
    roll_up: Option<String>,
    /// Number of steps to forecast [default: as in the recipe]
    #[arg(long, value_name = "STEPS")]
    horizon: Option<Count>,
    /// Number of steps that the model reads before the forecast [default: as in the recipe]
    #[arg(long, value_name = "STEPS")]
    look_back: Option<Count>,
}

/// Command-line options for the format of a CSV file, one per field of [`CsvFormat`].
#[derive(Clone, Debug, Default, Args, Serialize)]
#[command(next_help_heading = "Data")]
pub struct TableOptions {
    /// The columns that hold the time [default: detected by name]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time: Vec<String>,
    /// Format of the time, as for strftime, such as %d.%m.%Y; %s for numbers since 1970, serial for days of a
    /// spreadsheet, number for numbers of steps [default: detected]
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    date_format: Option<String>,
    /// A number that stands for a missing value, such as -9999
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, requires = "csv")]
    sentinel: Option<f32>,
    /// What to do with missing values [default: refuse]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["refuse", "previous", "interpolate", "drop"])]
    missing: Option<String>,
    /// What to do with rows that have equal times [default: refuse]
    #[arg(long = "duplicates", alias = "doubled", value_name = "RULE", requires = "csv", value_parser = ["refuse", "first", "last", "mean", "keep"])]
    doubled: Option<String>,
    /// What to do with steps that have no row [default: keep, which counts each row as one step]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["keep", "previous", "interpolate"])]
    gaps: Option<String>,
}

/// The subjects of the option `--dataset`. Each selects a shipped recipe for published data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Temperature of the next 24 hours (recipe weather-temperature-24h)
    Weather,
    /// Volatility of the S&P 500 on the next trading day (recipe stock-volatility)
    Stock,
    /// Electric load of the next day (recipe energy-day-ahead)
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
    /// Converts the options to the name of a recipe and to overrides of its settings, such as `data.horizon=12`.
    pub fn changes(&self) -> Result<Changes> {
        let mut changes = Changes { recipe: self.dataset.map(Subject::recipe), ..Changes::default() };
        if let Some(file) = &self.csv {
            changes.recipe = Some("own-series");
            changes.set("data.set", Some("csv"))?;
            changes.set_file("data.file", "--csv", Some(file))?;
        }
        let named = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
        let read = [self.target.as_slice(), &self.covariates].concat();
        for (key, value) in self.table.given()? {
            changes.set(&format!("data.format.{key}"), Some(value))?;
        }
        changes.set("data.format.columns", named(&read))?;
        changes.set("data.target", named(&self.target))?;
        changes.set("data.covariates", named(&self.covariates))?;
        changes.set("data.freq", self.freq)?;
        changes.set("data.roll_up", self.roll_up.as_deref())?;
        changes.set("data.horizon", self.horizon)?;
        changes.set("data.look_back", self.look_back)?;
        Ok(changes)
    }
}

impl TableOptions {
    /// The options that the user has given, as keys and values of a [`CsvFormat`].
    fn given(&self) -> Result<toml::Table> {
        toml::Table::try_from(self).map_err(usage)
    }

    /// Replaces those fields of `format` for which the user has given an option.
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
        let found = changes(
            "train --csv /a.csv --time day,hour --target x,y --covariates z --freq 1h --roll-up sum --sentinel -9999",
        );
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
            r#"data.roll_up="sum""#,
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
