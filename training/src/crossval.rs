//! Cross-validation: one model per fold.

use std::path::Path;

use inference::settings::Count;
use serde::{Deserialize, Serialize};

use crate::error::{Result, TaskError, TaskResult, TrainingError};
use crate::fit::{Fitted, Training};
use crate::interrupt::Interrupt;
use crate::metric::Measured;
use crate::session::Session;
use crate::task::{RecipeOf, Task};

/// One fold of a cross-validation: the value of the key `fold` in the table `[data]` of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// The number of the fold, counted from 1.
    pub number: Count,
    /// The number of folds.
    pub of: Count,
}

impl Fold {
    /// Returns all folds of a cross-validation with `of` folds.
    pub fn all(of: Count) -> impl Iterator<Item = Self> {
        (1..=of.get() as u64).filter_map(move |number| Some(Self { number: Count::try_from(number).ok()?, of }))
    }
}

/// The result of a cross-validation.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldMetrics {
    /// The metrics over the test examples of all folds.
    pub all: Measured,
    /// The name and the accuracy of each fold, or of each group of examples, such as the examples of one person.
    pub accuracies: Vec<(String, f64)>,
}

/// Checks that the training parts of all folds have the same classes. `folds` has one list of class names per fold.
/// Call this function before the first training, so that no fold is trained in vain.
///
/// # Errors
///
/// [`TaskError::Other`] with the name of a class that only some folds have.
pub fn check_same_classes(folds: impl IntoIterator<Item = TaskResult<Vec<String>>>) -> TaskResult<()> {
    let mut folds = folds.into_iter();
    let Some(first) = folds.next().transpose()? else { return Ok(()) };
    for classes in folds {
        let classes = classes?;
        let all = first.iter().chain(&classes);
        if let Some(class) = all.into_iter().find(|class| !(first.contains(class) && classes.contains(class))) {
            let message = format!(
                "the class `{class}` is missing in the training parts of some folds; use fewer folds, or add data of \
                 this class"
            );
            return Err(TaskError::Other(message));
        }
    }
    Ok(())
}

/// Trains one model per fold, in the run folders `dir/fold-1`, `dir/fold-2`, …, and measures each model on the test
/// part of its fold. `folds` has one recipe per fold. Folds that an earlier call has finished are not trained again.
/// `each` is called with the result of every training in this call, and `measure` with the task, the model and the test
/// part of every fold, in order.
///
/// Returns `true` if all folds were measured, and `false` if the call was interrupted. A later call with the same
/// arguments resumes an interrupted cross-validation.
///
/// # Errors
///
/// The errors of the trainings, of `each` and of `measure`; [`TrainingError::DataChanged`] if an earlier call trained a
/// fold in `dir` on other data.
pub fn crossval<T: Task>(
    folds: impl IntoIterator<Item = RecipeOf<T>>,
    dir: &Path,
    session: &mut Session,
    mut each: impl FnMut(&Fitted<T>) -> Result<()>,
    mut measure: impl FnMut(&T, &T::Predictor, &T::Set, &Interrupt) -> TaskResult<()>,
) -> Result<bool> {
    for (mut recipe, number) in folds.into_iter().zip(1..) {
        // The expected metrics of a recipe are those of its own test part, not of the test part of a fold.
        recipe.expected.clear();
        let place = dir.join(format!("fold-{number}"));
        let training = Training::<T>::new(recipe.clone()).in_folder_or_resume(&place)?;
        // Other data are split into other folds. A model that was trained on other data may have seen the
        // examples of this test part, so it must not be measured on them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_numbered_from_1() {
        let of = Count::try_from(3).unwrap();
        assert_eq!(
            Fold::all(of).map(|fold| (fold.number.get(), fold.of)).collect::<Vec<_>>(),
            [(1, of), (2, of), (3, of)]
        );
    }

    #[test]
    fn a_class_that_some_folds_lack_is_named() {
        let classes = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        check_same_classes([classes(&["a", "b"]), classes(&["b", "a"])]).unwrap();
        check_same_classes([]).unwrap();
        for folds in [[classes(&["a", "b"]), classes(&["a"])], [classes(&["a"]), classes(&["a", "b"])]] {
            let error = check_same_classes(folds).unwrap_err();
            assert!(matches!(&error, TaskError::Other(message) if message.contains("`b`")), "{error}");
        }
    }
}
