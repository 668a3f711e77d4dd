//! The command line of the program `forecasting`: help texts, the options of `train`, and the subcommands `forecast`
//! and `backtest`.

mod backtest;
mod forecast;
mod options;

use clap::Subcommand;
use cli::shard::Merge;
use cli::{Application, Changes, Context, Result};

use self::backtest::Backtest;
use self::forecast::ForecastArgs;
pub use self::options::SeriesOptions;
use crate::train::Forecasting;

/// The description of the application `forecasting` for the crate `cli`: training task, options, help texts and
/// subcommands.
pub struct App;

/// The subcommands that only `forecasting` has, in addition to the shared subcommands of all applications.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Forecast the next steps of a series, with intervals and a plot
    #[command(after_help = "Examples:
  forecast                                            with the default model, from the end of its data set
  forecast --model energy-day-ahead --at 2018-01-05   from a time within the data set of the model
  forecast --model RUN --csv FILE                     from the end of a table with the columns of the training data")]
    Forecast(Box<ForecastArgs>),
    /// Join the outputs of `forecast --shard` (one per shard) into the output that a run without `--shard` would give
    Merge(Merge),
    /// Train one model per fold of the test part, on all data before the fold, and measure it on the fold
    #[command(after_help = "Examples:
  backtest --recipe RECIPE --folds 4               repeat this command to resume the backtest")]
    Backtest(Box<Backtest>),
}

impl Application for App {
    type Task = Forecasting;
    type Options = SeriesOptions;
    type Verb = Verb;

    const ABOUT: &'static str =
        "Forecast time series with calibrated intervals, and compare with naive and classical baselines.";
    const DATA_OPTIONS: &'static [(&'static str, &'static str)] = options::DATA_OPTIONS;
    const DEFAULT_MODEL: Option<&'static str> = Some("weather-temperature-24h");
    const DATA_VERBS: &'static [&'static str] = &["forecast", "backtest"];
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("forecast --model RUN", "forecast the steps after the last row, with intervals"),
        ("backtest --recipe RUN/recipe.toml", "train again for each fold of the test part"),
        ("train --csv FILE --target COLUMN", "train on your own table"),
    ];

    fn changes(options: &SeriesOptions) -> Result<Changes> {
        options.changes()
    }

    fn to_onnx(
        model: &crate::Forecaster,
        options: &onnx::Options,
    ) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        match verb {
            Verb::Forecast(forecast) => forecast.run(cx),
            Verb::Merge(merge) => merge.run(),
            Verb::Backtest(backtest) => backtest.run(cx),
        }
    }
}
