//! The verbs of this application.

mod backtest;
mod forecast;

use clap::Subcommand;
use training::cli::default_model;
use training::{Context, TaskResult};

pub use backtest::Backtest;
pub use forecast::ForecastVerb;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Tell what comes next, with intervals; draw it
    #[command(after_help = default_model(forecast::DEFAULT))]
    Forecast(Box<ForecastVerb>),
    /// Learn anew as time goes on, and measure on what comes after each time
    Backtest(Box<Backtest>),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        match self {
            Self::Forecast(forecast) => forecast.run(context),
            Self::Backtest(backtest) => backtest.run(context),
        }
    }
}
