//! Cross-validation: one model per fold, each measured on texts that it has not seen.

use std::path::Path;

use inference::settings::Count;
use training::classes::{self, Answer};
use training::{Fitted, Fold, FoldMetrics, Measured, RecipeOf, Session, TrainingError, check_same_classes};

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
    let recipes = Fold::recipes(recipe, folds, |data| &mut data.fold);
    let texts = |data: &DataConfig| DataConfig { vectors: None, contextual: None, ..data.clone() };
    check_same_classes(&recipes, &session.locator, |data, cx| Ok(texts(data).load(cx)?.classes))?;
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
