//! Cross-validation: one model is trained per fold, and measured on persons who are not in its training part.

use std::path::Path;

use inference::settings::Count;
use training::{Fitted, Fold, FoldMetrics, RecipeOf, Session, TrainingError, check_same_classes};

use crate::train::RecognitionTask;
use crate::train::data::{Example, Part};
use crate::train::evaluation;
use crate::train::task::probabilities;

/// Trains one model per fold in `dir/fold-1`, `dir/fold-2`, …, and predicts the recordings of the fold with this model.
/// Folds that an earlier call has finished are not trained again. `each` is called with the result of every training in
/// this call.
///
/// Returns the metrics over the recordings of all folds, and the accuracy for each person; `None` if a stop was
/// requested. A call with the same arguments then resumes the cross-validation.
///
/// # Errors
///
/// The errors of the training, and an error if the training parts of the folds do not all have the same classes.
pub fn crossval(
    recipe: &RecipeOf<RecognitionTask>,
    folds: Count,
    dir: &Path,
    session: &mut Session,
    each: &mut dyn FnMut(&Fitted<RecognitionTask>) -> Result<(), TrainingError>,
) -> Result<Option<FoldMetrics>, TrainingError> {
    let recipes = Fold::recipes(recipe, folds, |data| &mut data.fold);
    check_same_classes(&recipes, &session.locator, |data, cx| Ok(data.load(cx)?.train.classes()))?;
    let (mut examples, mut answers) = (Vec::<Example>::new(), Vec::new());
    let done = training::crossval(recipes, dir, session, each, |_, predictor, test: &Part, interrupt| {
        answers.extend(probabilities(predictor, &test.examples, interrupt)?);
        // Recordings are numbered consecutively over all folds.
        let first = examples.iter().map(|example| example.recording + 1).max().unwrap_or(0);
        let numbered = |example: &Example| Example { recording: first + example.recording, ..example.clone() };
        examples.extend(test.examples.iter().map(numbered));
        Ok(())
    })?;
    Ok(done.then(|| FoldMetrics {
        all: evaluation::measure(&examples, &answers),
        accuracies: evaluation::by_person(&examples, &answers).into_iter().collect(),
    }))
}
