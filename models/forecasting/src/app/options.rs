//! Command-line options of `train` and `forecast` that select the data: a published series or a CSV file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cli::{Changes, CliError, Result};
use datasets::{CsvFormat, Sentinel, Separator, Span};
use inference::settings::Count;
use serde::{Serialize, Serializer};

/// The options of `train` that only `forecasting` has: the series, its columns, and the lengths of the windows.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct SeriesOptions {
    /// Train on published data about this subject, with the settings of the shipped recipe for the subject
    #[arg(long, value_enum, value_name = "SUBJECT", conflicts_with_all = ["recipe", "csv"])]
    dataset: Option<Subject>,
    /// Train on this CSV file, with the settings of the recipe own-series unless --recipe names another recipe
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableOptions,
    /// The columns to forecast; quote a name with a comma, as in '"Load, MW"' [default: all columns of numbers]
    #[arg(long, value_name = "COLUMN,…", requires = "csv")]
    target: Vec<Names>,
    /// Columns that the model reads but does not forecast [default: none]
    #[arg(long, value_name = "COLUMN,…", requires = "target")]
    covariates: Vec<Names>,
    /// Columns whose future values are known, such as prices, promotions or holidays; the rows after the last value of
    /// the targets contain the future values of these columns
    #[arg(long, value_name = "COLUMN,…", requires = "csv")]
    known: Vec<Names>,
    /// ID columns: rows with the same values in these columns belong to the same series. One model is trained on all
    /// series together [default: the whole table is one series]
    #[arg(long, value_name = "COLUMN,…", requires = "csv")]
    id: Vec<Names>,
    /// Combine the rows into time steps of this length, such as 10min, 1h, 1d or 1w; an incomplete first or last step
    /// is left out [default: each row is a step]
    #[arg(long, value_name = "SPAN", requires = "csv")]
    freq: Option<Span>,
    /// How --freq combines the rows of a step: by their mean, or by their sum, as for sales and rain [default: mean]
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
    #[arg(long, value_name = "COLUMN,…", requires = "csv")]
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "all_names")]
    time: Vec<Names>,
    /// Format of the time, as for strftime, such as %d.%m.%Y; or %s (seconds since 1970), serial (day numbers of a
    /// spreadsheet), number (step numbers) [default: detected]
    #[arg(long, value_name = "FORMAT", requires = "csv")]
    date_format: Option<String>,
    /// Number of lines to skip before the header; lines that begin with # are always skipped [default: detected]
    #[arg(long, value_name = "N", requires = "csv")]
    skip_rows: Option<usize>,
    /// Separator of the columns, such as ; or tab [default: detected]
    #[arg(long, value_name = "CHARACTER", requires = "csv")]
    separator: Option<Separator>,
    /// Decimal mark of columns whose numbers can be read with either mark, such as 1,234 [default: detected]
    #[arg(long, value_name = "MARK", requires = "csv", value_parser = [".", ","])]
    decimal: Option<String>,
    /// A number or a word that marks a missing value, such as -9999
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, requires = "csv")]
    sentinel: Option<Sentinel>,
    /// What to do with missing values: refuse the file, repeat the previous value, interpolate, or drop the row
    /// [default: refuse]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["refuse", "previous", "interpolate", "drop"])]
    missing: Option<String>,
    /// What to do with rows that have equal times: refuse the file, keep the first or the last row, replace the rows by
    /// their mean, or keep all rows [default: refuse]
    #[arg(long = "duplicates", alias = "doubled", value_name = "RULE", requires = "csv", value_parser = ["refuse", "first", "last", "mean", "keep"])]
    doubled: Option<String>,
    /// What to do with gaps (time steps without a row): keep them (each row then counts as one step), or fill them with
    /// the previous row or by interpolation [default: keep]
    #[arg(long, value_name = "RULE", requires = "csv", value_parser = ["keep", "previous", "interpolate"])]
    gaps: Option<String>,
}

/// Column names, separated by commas. A name that contains a comma is in quotation marks.
#[derive(Clone, Debug)]
struct Names(Vec<String>);

impl std::str::FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
        let names = reader.into_records().next().transpose().map_err(|error| error.to_string())?;
        Ok(Self(names.map_or(vec![String::new()], |names| names.iter().map(str::to_owned).collect())))
    }
}

fn flat(names: &[Names]) -> Vec<String> {
    names.iter().flat_map(|Names(names)| names.clone()).collect()
}

fn all_names<S: Serializer>(names: &[Names], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    flat(names).serialize(serializer)
}

/// The subjects of the option `--dataset`. Each subject selects a shipped recipe for published data.
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
        let named = |names: Vec<String>| (!names.is_empty()).then_some(names);
        for (key, value) in self.table.given()? {
            changes.set(&format!("data.format.{key}"), Some(value))?;
        }
        let [target, covariates, known, id] =
            [&self.target, &self.covariates, &self.known, &self.id].map(|of| flat(of));
        if !target.is_empty() {
            changes.set("data.format.columns", Some([&target[..], &covariates, &known].concat()))?;
        }
        changes.set("data.target", named(target))?;
        changes.set("data.covariates", named(covariates))?;
        changes.set("data.known", named(known))?;
        changes.set("data.id", named(id))?;
        changes.set("data.freq", self.freq)?;
        changes.set("data.roll_up", self.roll_up.as_deref())?;
        changes.set("data.horizon", self.horizon)?;
        changes.set("data.look_back", self.look_back)?;
        Ok(changes)
    }
}

impl TableOptions {
    /// Returns the options that the user has given, as keys and values of a [`CsvFormat`].
    fn given(&self) -> Result<toml::Table> {
        toml::Table::try_from(self).map_err(usage)
    }

    /// Replaces the fields of `format` for which the user has given an option.
    pub fn replace(&self, format: CsvFormat) -> Result<CsvFormat> {
        let mut settings = toml::Table::try_from(format).map_err(usage)?;
        settings.extend(self.given()?);
        settings.try_into().map_err(usage)
    }
}

fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

/// The options that change settings of the data: see [`Application::DATA_OPTIONS`](cli::Application::DATA_OPTIONS).
pub const DATA_OPTIONS: &[(&str, &str)] = &[
    ("time", "--time"),
    ("date_format", "--date-format"),
    ("columns", "--target, --covariates and --known"),
    ("id", "--id"),
    ("known", "--known"),
    ("decimal", "--decimal"),
    ("separator", "--separator and --skip-rows"),
    ("sentinel", "--sentinel"),
    ("missing", "--missing"),
    ("duplicates", "--duplicates"),
    ("gaps", "--gaps"),
    ("span", "--freq"),
];

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
        let format = CsvFormat { sentinel: Some((-1.0).into()), missing: Missing::Drop, ..CsvFormat::default() };
        let cli = Cli::try_parse_from("forecast --csv a --sentinel -9 --duplicates mean".split(' ')).unwrap();
        let expected = CsvFormat { sentinel: Some((-9.0).into()), duplicates: Duplicates::Mean, ..format.clone() };
        assert_eq!(cli.options.table.replace(format).unwrap(), expected);
    }

    #[test]
    fn names_with_commas_are_quoted() {
        let load = ["train", "--csv", "a", "--target", r#""Load, MW",b"#, "--target", "c", "--sentinel", "M"];
        let cli = Cli::try_parse_from(load).unwrap();
        let Changes { settings, .. } = cli.options.changes().unwrap();
        let expected = r#"data.target=["Load, MW", "b", "c"]"#;
        assert!(settings.iter().any(|setting| setting == expected), "{settings:?}");
        assert!(settings.contains(&r#"data.format.sentinel="M""#.to_owned()), "{settings:?}");
        let unnamed = Cli::try_parse_from(["train", "--csv", "a", "--time", ""]).unwrap().options.changes().unwrap();
        assert!(unnamed.settings.contains(&r#"data.format.time=[""]"#.to_owned()), "{unnamed:?}");
    }

    #[test]
    fn options_of_the_layout_are_checked() {
        let format = changes("train --csv a --separator tab --decimal , --skip-rows 3").unwrap().settings;
        let expected = [r#"data.format.separator="tab""#, r#"data.format.decimal=",""#, "data.format.skip_rows=3"];
        expected.iter().for_each(|setting| assert!(format.contains(&(*setting).to_owned()), "{format:?}"));
        for line in ["--separator ab", "--decimal ;", "--skip-rows -1"] {
            assert!(changes(&format!("train --csv a {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for line in ["train --target x", "train --dataset stock --csv a", "train --dataset stock --recipe b"] {
            assert!(changes(line).is_err(), "{line}");
        }
    }
}
