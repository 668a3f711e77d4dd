//! Cross-validation: one model is trained per fold, and measured on persons who are not in its training part.

use std::path::Path;

use datasets::Locator;
use inference::settings::Count;
use training::{Fitted, LoadContext, RecipeOf, Session, TaskError, TrainingError};

use crate::train::RecognitionTask;
use crate::train::data::{Example, Fold, Part};
use crate::train::task::probabilities;

/// The test examples of all folds, and the probabilities of their classes.
pub struct Validated {
    /// The test examples of all folds, which are all recordings or their windows. Recordings are numbered consecutively
    /// over all folds.
    pub examples: Vec<Example>,
    /// The probabilities of the classes of each example.
    pub probabilities: Vec<Vec<f32>>,
    /// The names of the classes.
    pub classes: Vec<String>,
}

/// Trains one model per fold in `dir/fold-1`, `dir/fold-2`, …, and predicts the recordings of the fold with this model.
/// Folds that an earlier call has finished are not trained again. `each` is called with the result of every training in
/// this call.
///
/// Returns `None` if the session was interrupted. A call with the same arguments then resumes the cross-validation.
///
/// # Errors
///
/// The errors of the training. All folds must have the same classes in their training parts.
pub fn crossval(
    recipe: &RecipeOf<RecognitionTask>,
    folds: Count,
    dir: &Path,
    session: &mut Session,
    each: impl FnMut(&Fitted<RecognitionTask>) -> Result<(), TrainingError>,
) -> Result<Option<Validated>, TrainingError> {
    check_classes(recipe, folds, &session.locator)?;
    let mut all = Validated { examples: Vec::new(), probabilities: Vec::new(), classes: Vec::new() };
    let recipes = numbers(folds)?.into_iter().map(|number| of_fold(recipe, number, folds));
    let done = training::crossval(recipes, dir, session, each, |_, predictor, test: &Part, interrupt| {
        all.classes.clone_from(&predictor.settings().classes);
        all.probabilities.extend(probabilities(predictor, &test.examples, interrupt)?);
        let first = all.examples.iter().map(|example| example.recording + 1).max().unwrap_or(0);
        let numbered = |example: &Example| Example { recording: first + example.recording, ..example.clone() };
        all.examples.extend(test.examples.iter().map(numbered));
        Ok(())
    })?;
    Ok(done.then_some(all))
}

fn of_fold(recipe: &RecipeOf<RecognitionTask>, number: Count, folds: Count) -> RecipeOf<RecognitionTask> {
    let mut recipe = recipe.clone();
    recipe.data.fold = Some(Fold { number, of: folds });
    recipe
}

/// Checks before the first training that the training parts of all folds have the same classes.
fn check_classes(recipe: &RecipeOf<RecognitionTask>, folds: Count, locator: &Locator) -> Result<(), TrainingError> {
    let mut first = None;
    for number in numbers(folds)? {
        let mut ignore = |_: &str| {}; // the trainings print the notes
        let mut cx = LoadContext::new(locator.clone(), &mut ignore);
        let classes = of_fold(recipe, number, folds).data.load(&mut cx)?.train.classes();
        let expected = first.get_or_insert_with(|| classes.clone());
        if let Some(class) =
            expected.iter().chain(&classes).find(|class| !(expected.contains(class) && classes.contains(class)))
        {
            let message = format!(
                "only some of the {folds} training parts have the class `{class}`; add recordings of this class from \
                 more persons, or choose fewer folds"
            );
            return Err(TaskError::setting("data.fold", message).into());
        }
    }
    Ok(())
}

/// Returns the numbers of the folds, from 1.
fn numbers(folds: Count) -> Result<Vec<Count>, TaskError> {
    (1..=folds.get() as u64).map(|number| Count::try_from(number).map_err(TaskError::Other)).collect()
}
