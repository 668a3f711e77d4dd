//! The subcommand `forecast`: prints a forecast with intervals as a table or as JSON, and writes a plot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use cli::args::ModelArgs;
use cli::output::{log, print_json, print_line, printable};
use cli::shard::{List, ShardArgs};
use cli::{Application, CliError, Context, Result};
use datasets::TableSeries;
use jiff::civil::DateTime;
use training::package::Opened;

use super::App;
use super::options::TableOptions;
use crate::frame::Windows;
use crate::likelihood::Likelihood;
use crate::output::{ColumnForecast, Options};
use crate::scaler::Scalers;
use crate::train::Forecasting;
use crate::train::data::history;
use crate::train::demonstration;
use crate::train::panel;
use crate::train::picture::{self, written_alike};
use crate::{Forecast, Forecaster};

/// Command-line arguments of the subcommand `forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Forecast the series in this CSV file, which needs the columns of the training data [default: the data with which
    /// the model was trained]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableOptions,
    /// Time at which the forecast starts, such as 2020-12-01 or 2020-12-01T06:00; if the rows have numbers instead of
    /// times, the number of the first step [default: the step after the last row]
    #[arg(long, value_name = "TIME", help_heading = "Data")]
    at: Option<String>,
    /// SVG file for the plot; models that forecast the probability of a rise have no plot [default: forecast.svg, or no
    /// plot with --json]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    shard: ShardArgs,
}

impl ForecastArgs {
    pub fn run(&self, cx: &Context) -> Result<()> {
        self.shard.check(cx.json)?;
        let dir = cx.model_folder::<Forecaster>(&self.model, App::DEFAULT_MODEL)?;
        let Opened { predictor, record, .. } = Opened::<Forecasting>::open(&dir, &cx.session.device)?;
        let draws = predictor.likelihood() != Likelihood::Direction;
        if self.plot.is_some() && !draws {
            let message = "there is no plot for a model that forecasts the probability of a rise; remove --plot";
            return Err(CliError::Usage(message.to_owned()));
        }
        log(&format!("model: {}", dir.display()));
        let mut data = record.recipe.data;
        if let Some(file) = &self.csv {
            let format = self.table.replace(data.format.clone().unwrap_or_default())?;
            data = data.of_file(file.clone(), predictor.scalers().columns(), format);
        }
        let several = matches!(predictor.scalers(), Scalers::PerSeries(_));
        if self.shard.is_some() && !several {
            let message = "--shard is only for models of several series, but this model forecasts one series; remove \
                           --shard";
            return Err(CliError::Usage(message.to_owned()));
        }
        let all = data.series(&cx.session.locator)?;
        let list = if self.shard.is_some() { list(&all) } else { List::default() };
        let numbered = all.into_iter().enumerate().filter(|(index, _)| self.shard.has(*index));
        let series: Vec<TableSeries> = numbered.map(|(_, series)| series).collect();
        cx.session.check_data_folder()?;
        panel::notes(&series).iter().for_each(|note| log(&format!("data: {note}")));

        let window = |series: &TableSeries| {
            let history = history(series);
            let at = self.at.as_deref().map(|text| time_or_step(text, history.numbered)).transpose()?;
            Ok(predictor.window(&history, &Options { at })?)
        };
        let set = series.iter().map(window).collect::<Result<Vec<Windows>>>()?;
        let forecasts = predictor.forecasts(&set, || cx.session.interrupt.check())?;
        let answers: Vec<Forecast> =
            set.iter().zip(&forecasts).map(|(windows, forecasts)| predictor.answer(windows, forecasts)).collect();
        let uncalibrated = answers.iter().find(|forecast| !forecast.calibrated);
        if let Some(forecast) = uncalibrated.filter(|_| predictor.likelihood().has_intervals()) {
            let count = forecast.past_windows;
            log(&format!(
                "{count} past windows are too few to calibrate the intervals, so the intervals come directly from the \
                 network; give more past rows to calibrate them"
            ));
        }
        let measured = record.outcome.map(|outcome| outcome.test).unwrap_or_default();
        demonstration::better_baselines(&measured).iter().for_each(|line| log(&format!("on the test part: {line}")));
        let named = || series.iter().map(|series| &series.id).zip(&answers);
        match (cx.json, &answers[..]) {
            (true, [forecast]) if !several => print_json(forecast)?,
            (true, _) => print_json(&named().collect::<BTreeMap<_, _>>())?,
            (false, _) => print_tables(named())?,
        }
        self.shard.finish(&dir, list, &self.at)?;
        match cx.plot(self.plot.as_deref(), "forecast.svg") {
            Some(plot) if draws => {
                plot.write(&picture::of_windows(&set, &forecasts, set.len(), predictor.likelihood())?)
            }
            _ => Ok(()),
        }
    }
}

/// Returns the number and the digest of all series. With the digest, the subcommand `merge` checks that all shards of
/// `--shard` were computed from the same series.
fn list(series: &[TableSeries]) -> List {
    let mut list = List::default();
    series.iter().for_each(|series| list.add(format!("{series:?}").as_bytes()));
    list
}

/// Parses a time. If the rows have step numbers instead of times (`numbered`), parses a step number, and converts it to
/// a time.
fn time_or_step(text: &str, numbered: bool) -> Result<DateTime> {
    let (time, kind) = match numbered {
        true => (text.parse().ok().and_then(timesteps::time_of_step), "the number of a step, such as 350"),
        false => (text.parse().ok(), "a time, such as 2020-12-01 or 2020-12-01T06:00"),
    };
    time.ok_or_else(|| CliError::Usage(format!("--at {text}: give {kind}")))
}

/// Returns the number of decimal places to print in a table whose largest absolute value is `largest`.
fn decimals(largest: f64) -> usize {
    match largest {
        0.0 => 1,
        _ if largest < 1.0 => (2.0 - largest.log10().floor()) as usize,
        _ if largest < 10.0 => 3,
        _ if largest < 1000.0 => 1,
        _ => 0,
    }
}

/// Prints the forecasts of all columns, under the identifier of the series if it has one.
fn print_tables<'a>(forecasts: impl Iterator<Item = (&'a String, &'a Forecast)>) -> Result<()> {
    let columns = forecasts.flat_map(|(series, forecast)| forecast.columns.iter().map(move |column| (series, column)));
    for (index, (series, column)) in columns.enumerate() {
        if index > 0 {
            print_line("")?;
        }
        if !series.is_empty() {
            print_line(&printable(series))?;
        }
        print_column(column)?;
    }
    Ok(())
}

fn print_column(column: &ColumnForecast) -> Result<()> {
    let ColumnForecast { low_80, high_80, low_95, high_95, .. } = column;
    let interval = |step: usize| Some([low_80[step]?, high_80[step]?, low_95[step]?, high_95[step]?]);
    let intervals: Option<Vec<[f64; 4]>> = (0..column.forecast.len()).map(interval).collect();
    let decimals = decimals(column.forecast.iter().map(|point| point.abs()).fold(0.0, f64::max));
    print_line(&printable(column.quantity.label(&column.name)))?;
    let header = if intervals.is_some() { "      80 % interval            95 % interval    " } else { "" };
    let (title, labels) = match column.step.is_empty() {
        true => ("time", written_alike(&column.time)),
        false => ("step", column.step.iter().map(ToString::to_string).collect()),
    };
    let width = labels.iter().map(String::len).max().unwrap_or(0).max(16);
    print_line(&format!("{title:width$}  forecast{header}  observed"))?;
    for (step, label) in labels.iter().enumerate() {
        let observed = column.observed[step].map_or("–".to_owned(), |observed| format!("{observed:.decimals$}"));
        let bounds = intervals.as_ref().map_or(String::new(), |intervals| {
            let [low, high, lowest, highest] = intervals[step];
            format!("  {low:>9.decimals$} to {high:>9.decimals$}  {lowest:>9.decimals$} to {highest:>9.decimals$}")
        });
        print_line(&format!("{label:width$}  {:>8.decimals$}{bounds}  {observed:>8}", column.forecast[step]))?;
    }
    Ok(())
}
