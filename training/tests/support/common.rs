//! What the tests of whole trainings share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use training::recipe::RecipeText;
use training::{RecipeOf, Task};

/// Runs the tests one after the other: the random generator of a device is global to the process, so that dropout of
/// parallel trainings is not reproducible.
pub fn exclusive() -> MutexGuard<'static, ()> {
    static DEVICE: Mutex<()> = Mutex::new(());
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first recipe of a task with overrides.
pub fn recipe<T: Task>(overrides: &[&str]) -> RecipeOf<T> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    RecipeText::embedded(T::RECIPES[0]).with_overrides(&overrides).unwrap().parse().unwrap()
}
