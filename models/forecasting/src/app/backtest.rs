//! The subcommand `backtest`: divides the test part into folds, trains one model per fold, and compares the forecasts
//! with baselines.

use std::path::{Path, PathBuf};

use clap::Args;
use cli::args::ChangedRecipe;
use cli::output::{log, print_json, print_line, quoted};
use cli::shard::Shard;
use cli::{CliError, Context, Result};
use inference::settings::Count;
use serde_json::json;
use training::{Fitted, Measured};

use super::{App, SeriesOptions};
use crate::train::backtest::backtest;
use crate::train::demonstration::verdicts;
use crate::train::measure::Losses;

/// Command-line arguments of the subcommand `backtest`.
#[derive(Debug, Args)]
pub struct Backtest {
    #[command(flatten)]
    recipe: ChangedRecipe<SeriesOptions>,
    /// Number of folds into which the test part is divided; one model is trained per fold
    #[arg(long, value_name = "N", default_value = "4", help_heading = "Recipe")]
    folds: Count,
    /// Folder for the trained models, with one subfolder per fold; folds whose training is finished are not trained
    /// again [default: runs/RECIPE-backtest]
    #[arg(long, alias = "run", value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Train only every N-th fold, beginning with fold I, so that N processes can share the folds. After all N
    /// processes have finished, run the command without --shard to measure all folds
    #[arg(long, value_name = "I/N", help_heading = "Output")]
    shard: Option<Shard>,
}

impl Backtest {
    pub fn run(&self, cx: &mut Context) -> Result<()> {
        cx.listen();
        let recipe = self.recipe.read::<App>()?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-backtest", recipe.name)));
        let mut trained = Vec::new();
        let is_included = |fold| self.shard.is_none_or(|shard| shard.has(fold));
        let folds = backtest(&recipe, self.folds.get(), is_included, &out, &mut cx.session, |fitted| {
            if let Fitted::Trained(fold) = fitted {
                log(&format!("{}: {}", fold.run.dir().display(), fold.outcome.test.list()));
                trained.push(json!({ "run": fold.run.dir(), "test": fold.outcome.test.flat() }));
            }
            Ok(())
        })?;
        if cx.json {
            trained.iter().try_for_each(print_json)?;
        }
        let Some(losses) = folds else {
            let shard = self.shard.map_or(String::new(), |shard| format!(" --shard {shard}"));
            cx.log_resume(&format!("{}{shard}", self.command(&out)?));
            return Err(CliError::Interrupted);
        };
        if self.shard.is_some() {
            log(&format!("when all shards have finished, measure all folds with: {}", self.command(&out)?));
            return Ok(());
        }
        report(&recipe.name, &losses, cx.json)
    }

    /// Returns the command that runs this backtest, without `--shard`.
    fn command(&self, out: &Path) -> Result<String> {
        let recipe = self.recipe.typed::<App>()?;
        Ok(format!("backtest {recipe} --folds {} --out {}", self.folds, quoted(out)))
    }
}

fn report(recipe: &str, all: &[Losses], json: bool) -> Result<()> {
    if json {
        let mut measured = Measured::default();
        all.iter().for_each(|losses| measured.extend(losses.measured()));
        return print_json(&json!({ "recipe": recipe, "split": "backtest", "metrics": measured.flat() }));
    }
    for losses in all {
        let (metric, measured) = (losses.metric, losses.measured());
        print_line(&format!("\n{recipe}, {metric} over {} windows of all folds:", losses.model.len()))?;
        print_line(&format!("  {}", measured.list()))?;
        for comparison in &measured.comparisons {
            print_line(&format!("  {metric} of the baseline {}: {:.4}", comparison.baseline, comparison.value))?;
        }
        for line in verdicts(&measured, metric, metric) {
            print_line(&format!("  {line}"))?;
        }
    }
    Ok(())
}
