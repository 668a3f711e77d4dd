//! Cross-validation: one model per fold.

use std::path::Path;

use crate::error::{Result, TaskError, TaskResult, TrainingError};
use crate::fit::{Fitted, Session, Training};
use crate::interrupt::Interrupt;
use crate::task::{RecipeOf, Task};

/// Trains one model per recipe in `dir/fold-1`, `dir/fold-2`, …, and measures it on its test part. Folds that an earlier
/// call has finished are not trained again. `each` is called with the result of every training in this call, and
/// `measure` with the task, the model and the test part of every fold, in order.
///
/// Returns whether all folds were measured; a call that was interrupted returns `false`, and a call with the same
/// arguments resumes.
///
/// # Errors
///
/// The errors of the training and of `each` and `measure`; [`TrainingError::DataChanged`] if a fold in `dir` was trained on
/// other data.
pub fn crossval<T: Task>(
    folds: impl IntoIterator<Item = RecipeOf<T>>,
    dir: &Path,
    session: &mut Session,
    mut each: impl FnMut(&Fitted<T>) -> Result<()>,
    mut measure: impl FnMut(&T, &T::Predictor, &T::Set, &Interrupt) -> TaskResult<()>,
) -> Result<bool> {
    for (mut recipe, number) in folds.into_iter().zip(1..) {
        // The expected metrics of a recipe hold for its own test part, not for a fold.
        recipe.expected.clear();
        let place = dir.join(format!("fold-{number}"));
        let training = Training::<T>::new(recipe.clone()).in_folder_or_resume(&place)?;
        // The texts or recordings of a fold depend on the data, so a finished fold of other data must not be measured.
        let raw = session.load::<T>(&recipe.data)?;
        training.check_data(&T::fingerprint(&raw))?;
        let Some(predictor) = training.fit_or_open(session, &mut each)? else { return Ok(false) };
        let task = T::of_trained(&recipe, &predictor)?;
        let test = session.encode(&task, raw)?.test;
        match measure(&task, &predictor, &test, &session.interrupt) {
            Err(TaskError::Interrupted) => return Ok(false),
            measured => measured.map_err(TrainingError::from)?,
        }
    }
    Ok(true)
}
