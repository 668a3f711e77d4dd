//! The verb (subcommand) `crossval`: trains one model per fold, and measures each on texts that it has not seen.

use std::path::PathBuf;

use clap::Args;
use cli::args::ChangedRecipe;
use cli::output::{log, print_json, print_line, quoted};
use cli::{ChangedRecipeExt, CliError, Context, Result};
use inference::settings::Count;
use serde_json::json;
use training::{Fitted, Measured, classes};

use super::App;
use super::options::OwnData;
use crate::train::crossval::{Validated, crossval};

/// Arguments of the verb `crossval`.
#[derive(Debug, Args)]
pub struct Crossval {
    #[command(flatten)]
    recipe: ChangedRecipe<OwnData>,
    /// Number of folds; each class is distributed evenly, and one model is trained per fold
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Recipe")]
    folds: Count,
    /// Folder for the runs, one per fold; a fold that is finished there is not trained again [default:
    /// runs/RECIPE-crossval]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
}

impl Crossval {
    /// Trains the folds, and prints the metrics over all of them and the accuracy of each.
    pub fn run(&self, cx: &mut Context) -> Result<()> {
        cx.listen();
        let recipe = self.recipe.read::<App>()?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-crossval", recipe.name)));
        let found = crossval(&recipe, self.folds, &out, &mut cx.session, |fitted| {
            if let Fitted::Trained(fold) = fitted {
                log(&format!("{}: {}", fold.run.dir().display(), fold.outcome.test.list()));
            }
            Ok(())
        })?;
        let Some(Validated { answers, accuracies, labels }) = found else {
            let recipe = self.recipe.typed::<App>()?;
            cx.log_resume(&format!("crossval {recipe} --folds {} --out {}", self.folds, quoted(&out)));
            return Err(CliError::Interrupted);
        };
        let measured = Measured::from(classes::measure(&answers, &labels));
        if cx.json {
            let metrics = measured.flat();
            return print_json(
                &json!({ "recipe": recipe.name, "folds": self.folds, "metrics": metrics, "accuracies": accuracies }),
            );
        }
        print_line(&format!("\n{}, {} folds: {}", recipe.name, self.folds, measured.list()))?;
        let mut folds = accuracies.iter().zip(1..);
        folds.try_for_each(|(accuracy, fold)| print_line(&format!("  fold {fold}: accuracy {accuracy:.4}")))
    }
}
