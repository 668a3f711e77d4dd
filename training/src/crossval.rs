//! Cross-validation: one model per fold.

use std::path::Path;

use datasets::Locator;
use inference::settings::Count;
use serde::{Deserialize, Serialize};

use crate::error::{Result, TaskError, TaskResult, TrainingError};
use crate::fit::{Fitted, Training};
use crate::interrupt::Interrupt;
use crate::metric::Measured;
use crate::recipe::Recipe;
use crate::session::Session;
use crate::task::{LoadContext, RecipeOf, Task};

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
    /// Returns one recipe per fold of a cross-validation with `of` folds: a copy of `recipe`, in which the field of the
    /// table `[data]` that `field` returns is set to the fold.
    pub fn recipes<D: Clone, M: Clone>(
        recipe: &Recipe<D, M>,
        of: Count,
        field: impl Fn(&mut D) -> &mut Option<Self>,
    ) -> Vec<Recipe<D, M>> {
        let fold = |number: u64| {
            let mut recipe = recipe.clone();
            *field(&mut recipe.data) = Some(Self { number: Count::try_from(number).ok()?, of });
            Some(recipe)
        };
        (1..=of.get() as u64).filter_map(fold).collect()
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

/// Checks that the training parts of all folds have the same classes. `recipes` has the recipe of each fold. `classes`
/// loads the data of a recipe, which `locator` finds, and returns the names of the classes of its training part. Call
/// this function before the first training, so that no fold is trained in vain.
///
/// # Errors
///
/// The errors of `classes`; [`TaskError::Other`] with the name of a class that only some folds have.
pub fn check_same_classes<D, M>(
    recipes: &[Recipe<D, M>],
    locator: &Locator,
    classes: impl Fn(&D, &mut LoadContext) -> TaskResult<Vec<String>>,
) -> TaskResult<()> {
    let mut ignore = |_: &str| {}; // Notes are ignored here, because each training reports them.
    let mut cx = LoadContext::new(locator.clone(), &mut ignore);
    same_classes(recipes.iter().map(|recipe| classes(&recipe.data, &mut cx)))
}

fn same_classes(folds: impl IntoIterator<Item = TaskResult<Vec<String>>>) -> TaskResult<()> {
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
    use crate::recipe::RecipeText;

    #[test]
    fn folds_are_numbered_from_1() {
        let of = Count::try_from(3).unwrap();
        let text = "name = 'folds'\nabout = ''\nseed = 1\ntraining = { epochs = 1, batch_size = 1 }\n\
                    optimizer = { kind = 'sgd', lr = 1 }";
        let recipe: Recipe<Option<Fold>, Option<()>> = RecipeText::embedded(text).parse().unwrap();
        let recipes = Fold::recipes(&recipe, of, |fold| fold);
        let folds = recipes.iter().map(|recipe| recipe.data.map(|fold| (fold.number.get(), fold.of)));
        assert_eq!(folds.collect::<Vec<_>>(), [1, 2, 3].map(|number| Some((number, of))));
    }

    #[test]
    fn a_class_that_some_folds_lack_is_named() {
        let classes = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        same_classes([classes(&["a", "b"]), classes(&["b", "a"])]).unwrap();
        same_classes([]).unwrap();
        for folds in [[classes(&["a", "b"]), classes(&["a"])], [classes(&["a"]), classes(&["a", "b"])]] {
            let error = same_classes(folds).unwrap_err();
            assert!(matches!(&error, TaskError::Other(message) if message.contains("`b`")), "{error}");
        }
    }
}
