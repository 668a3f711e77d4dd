//! Cross-validation: one model per fold, each measured on texts that it has not seen.

use std::path::Path;

use inference::settings::Count;
use training::classes::{self, Answer};
use training::{
    Fitted, Fold, FoldMetrics, LoadContext, Measured, RecipeOf, Session, TaskResult, TrainingError, check_same_classes,
};

use crate::train::SentimentTask;
use crate::train::data::DataConfig;
use crate::train::evaluation;

/// Trains one model per fold in `dir/fold-1`, `dir/fold-2`, …, and predicts the classes of the texts of each fold with
/// the model that was not trained on these texts. Models that an earlier call has finished are not trained again.
/// `each` is called with the result of every training in this call.
///
/// Returns the metrics over the texts of all folds, and the accuracy on each fold; `None` if a stop was requested. A
/// call with the same arguments then resumes the cross-validation.
///
/// # Errors
///
/// The errors of the training, and an error if the training parts of the folds do not all have the same classes.
pub fn crossval(
    recipe: &RecipeOf<SentimentTask>,
    folds: Count,
    dir: &Path,
    session: &mut Session,
    each: &mut dyn FnMut(&Fitted<SentimentTask>) -> Result<(), TrainingError>,
) -> Result<Option<FoldMetrics>, TrainingError> {
    let recipes: Vec<_> = Fold::all(folds).map(|fold| of_fold(recipe, fold)).collect();
    check_same_classes(recipes.iter().map(|recipe| classes_of(&recipe.data, session)))?;
    let (mut all, mut labels, mut accuracies) = (Vec::<Answer>::new(), Vec::new(), Vec::new());
    let done = training::crossval(recipes, dir, session, each, |_, predictor, test, interrupt| {
        let answers = evaluation::answers(predictor, test, &evaluation::logits(predictor, test, interrupt)?);
        labels = predictor.settings().labels();
        accuracies.push((format!("fold {}", accuracies.len() + 1), classes::accuracy(&answers)));
        all.extend(answers);
        Ok(())
    })?;
    Ok(done.then(|| FoldMetrics { all: Measured::from(classes::measure(&all, &labels)), accuracies }))
}

fn of_fold(recipe: &RecipeOf<SentimentTask>, fold: Fold) -> RecipeOf<SentimentTask> {
    let mut recipe = recipe.clone();
    recipe.data.fold = Some(fold);
    recipe
}

/// Loads the texts, and returns the names of the classes of the training part.
fn classes_of(data: &DataConfig, session: &Session) -> TaskResult<Vec<String>> {
    let mut ignore = |_: &str| {}; // Notes are ignored here, because each training prints them.
    let texts = DataConfig { vectors: None, contextual: None, ..data.clone() };
    Ok(texts.load(&mut LoadContext::new(session.locator.clone(), &mut ignore))?.classes)
}
