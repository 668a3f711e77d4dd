//! Cross-validation: one model per fold, each measured on texts that it has not seen.

use std::path::Path;

use inference::settings::Count;
use training::classes::Answer;
use training::{Fitted, RecipeOf, Session, TaskError, TrainingError};

use crate::train::SentimentTask;
use crate::train::data::Fold;
use crate::train::evaluation;

/// The answers to the test texts of all folds.
pub struct Validated {
    /// The answers, fold by fold.
    pub answers: Vec<Answer>,
    /// The accuracy on each fold.
    pub accuracies: Vec<f64>,
    /// The names of the classes.
    pub labels: Vec<String>,
}

/// Trains one model per fold in `dir/fold-1`, `dir/fold-2`, …, and answers the texts of the fold with it. Folds that an
/// earlier call has finished are not trained again. `each` is called with the result of every training in this call.
///
/// Returns `None` if the session was interrupted. A call with the same arguments then resumes.
///
/// # Errors
///
/// The errors of the training. All folds must have the same classes in their training parts.
pub fn crossval(
    recipe: &RecipeOf<SentimentTask>,
    folds: Count,
    dir: &Path,
    session: &mut Session,
    each: impl FnMut(&Fitted<SentimentTask>) -> Result<(), TrainingError>,
) -> Result<Option<Validated>, TrainingError> {
    let mut all = Validated { answers: Vec::new(), accuracies: Vec::new(), labels: Vec::new() };
    let numbers = (1..=folds.get() as u64).map(Count::try_from).collect::<Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|message| TaskError::setting("data.fold", message))?;
    let recipes = numbers.into_iter().map(|number| {
        let mut recipe = recipe.clone();
        recipe.data.fold = Some(Fold { number, of: folds });
        recipe
    });
    let done = training::crossval(recipes, dir, session, each, |_, predictor, test, interrupt| {
        let labels = predictor.settings().labels();
        if !all.labels.is_empty() && all.labels != labels {
            let message = "the training parts of the folds have different classes; use fewer folds, or add texts";
            return Err(TaskError::setting("data.fold", message));
        }
        let answers = evaluation::answers(predictor, test, &evaluation::logits(predictor, test, interrupt)?);
        all.labels = labels;
        all.accuracies.push(training::classes::accuracy(&answers));
        all.answers.extend(answers);
        Ok(())
    })?;
    Ok(done.then_some(all))
}
