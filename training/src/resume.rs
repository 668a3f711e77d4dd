//! Settings of a run that may change when it is resumed: the number of epochs, and the paths of the data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::error::{Result, TrainingError};
use crate::recipe::RecipeText;
use crate::task::{RecipeOf, Task};

const EPOCHS: &str = "training.epochs";

/// Returns the recipe `saved` of the run in `dir`, changed by `overrides`.
///
/// # Errors
///
/// [`TrainingError::OtherRecipe`] for overrides of settings that must not change when a run is resumed.
pub(crate) fn changed<T: Task>(dir: &Path, saved: RecipeText, overrides: &[String]) -> Result<RecipeOf<T>> {
    let own: RecipeOf<T> = saved.parse()?;
    let recipe: RecipeOf<T> = saved.with_overrides(overrides)?.parse()?;
    check::<T>(dir, &own, &recipe)?;
    Ok(recipe)
}

/// Checks that the run in `dir`, which has the recipe `saved`, can be resumed with the recipe `wanted`. Only two
/// differences are allowed: other [paths of the data](Task::PATHS), and a larger number of epochs in `wanted`.
pub(crate) fn check<T: Task>(dir: &Path, saved: &RecipeOf<T>, wanted: &RecipeOf<T>) -> Result<()> {
    let [old, new] = [saved, wanted].map(|recipe| serde_json::to_value(recipe).map_err(TrainingError::serialize));
    let [mut old, mut new] = [settings(&old?), settings(&new?)];
    if wanted.training.epochs > saved.training.epochs {
        new.remove(EPOCHS);
        old.remove(EPOCHS);
    }
    let is_moved = |key: &str| T::PATHS.contains(&key) && old.contains_key(key) && new.contains_key(key);
    let keys: BTreeSet<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
    let differs = |key: &&str| old.get(*key) != new.get(*key) && !is_moved(key);
    let different: Vec<&str> = keys.into_iter().filter(differs).collect();
    match different.is_empty() {
        true => Ok(()),
        false => Err(TrainingError::OtherRecipe { path: dir.to_path_buf(), settings: different.join(", ") }),
    }
}

/// Returns all settings of a recipe by their keys, such as `optimizer.lr`.
fn settings(recipe: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    flatten(None, recipe, &mut all);
    all
}

fn flatten(key: Option<&str>, value: &Value, into: &mut BTreeMap<String, Value>) {
    match (value, key) {
        (Value::Object(table), _) => table.iter().for_each(|(name, value)| {
            let key = key.map_or_else(|| name.clone(), |key| format!("{key}.{name}"));
            flatten(Some(&key), value, into);
        }),
        (value, Some(key)) => drop(into.insert(key.to_owned(), value.clone())),
        (_, None) => {}
    }
}
