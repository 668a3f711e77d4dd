//! The verb (subcommand) `crossval`, for applications whose data can be divided into folds. It trains one model per
//! fold, and measures each model on the examples that this model has not seen.

use std::path::{Path, PathBuf};

use clap::Args;
use inference::settings::Count;
use serde_json::json;
use training::{Fitted, FoldMetrics, RecipeOf, Session, TrainingError};

use crate::args::ChangedRecipe;
use crate::output::{log, print_json, print_line, quoted};
use crate::{Application, CliError, Context, Result};

/// Arguments of the verb `crossval`.
#[derive(Debug, Args)]
pub struct Crossval<O: Args> {
    #[command(flatten)]
    recipe: ChangedRecipe<O>,
    /// Number of folds; one model is trained per fold
    #[arg(long, value_name = "N", default_value = "5", help_heading = "Recipe")]
    folds: Count,
    /// Folder that contains one run folder per fold; finished folds in this folder are not trained again [default:
    /// runs/RECIPE-crossval]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
}

/// The result type of functions that train models.
type Trained<T> = std::result::Result<T, TrainingError>;
/// A function that is called with the result of each training.
pub type Each<'a, T> = &'a mut dyn FnMut(&Fitted<T>) -> Trained<()>;
/// The type of an application's function `crossval`, which divides the data of a recipe into folds and trains one model
/// per fold. The arguments are the recipe, the number of folds, the folder for the runs, the training session (backend,
/// data folders, progress display), and a function that is called with the result of each training. The result is
/// `None` after an interruption.
pub type Train<T> = fn(&RecipeOf<T>, Count, &Path, &mut Session, Each<'_, T>) -> Trained<Option<FoldMetrics>>;

impl<O: Args> Crossval<O> {
    /// Trains one model per fold. Prints the metrics over the test examples of all folds. Also prints the accuracy of
    /// each fold, or of each group that the application defines, such as the examples of one person.
    pub fn run<A: Application<Options = O>>(&self, cx: &mut Context, train: Train<A::Task>) -> Result<()> {
        cx.listen();
        let recipe = self.recipe.read::<A>()?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-crossval", recipe.name)));
        let found = train(&recipe, self.folds, &out, &mut cx.session, &mut |fitted| {
            if let Fitted::Trained(fold) = fitted {
                log(&format!("{}: {}", fold.run.dir().display(), fold.outcome.test.list()));
            }
            Ok(())
        })?;
        let Some(FoldMetrics { all, accuracies }) = found else {
            let recipe = self.recipe.typed::<A>()?;
            cx.log_resume(&format!("crossval {recipe} --folds {} --out {}", self.folds, quoted(&out)));
            return Err(CliError::Interrupted);
        };
        if cx.json {
            let accuracies: Vec<_> =
                accuracies.iter().map(|(name, accuracy)| json!({ "name": name, "accuracy": accuracy })).collect();
            return print_json(&json!({
                "recipe": recipe.name, "folds": self.folds, "metrics": all.flat(), "accuracies": accuracies,
            }));
        }
        print_line(&format!("\n{}, {} folds: {}", recipe.name, self.folds, all.list()))?;
        accuracies.iter().try_for_each(|(name, accuracy)| print_line(&format!("  {name}: accuracy {accuracy:.4}")))
    }
}
