//! Test helpers that train small models of any application, as a library and without a command line.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use inference::package::FileEntry;
use inference::{Files, Folder, Manifest, MemoryFiles, PackageError, Predictor};
use training::package::Opened;
use training::recipe::RecipeText;
use training::{
    Event, Fitted, Interrupt, LoadContext, Measured, Observer, RecipeOf, Session, Task, Trained, Training,
    TrainingError,
};

/// Waits until no other test of this process trains. Keep the result until the end of the test: `let _turn = turn();`.
/// Only one training runs at a time, because a backend has only one random generator, which every step seeds.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the recipe of this name, changed by `settings`, each of the form `key=value`.
///
/// # Errors
///
/// The errors of parsing the recipe.
pub fn recipe<T: Task>(name: &str, settings: &[&str]) -> Result<RecipeOf<T>, TrainingError> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    RecipeText::find(name, T::RECIPES)?.with_overrides(&settings)?.parse()
}

/// Trains a model in the run folder `dir`.
///
/// # Errors
///
/// The errors of the training.
pub fn fit<T: Task>(recipe: RecipeOf<T>, dir: &Path) -> Result<Box<Trained<T>>, TrainingError> {
    match Training::new(recipe).in_folder(dir).fit(&mut Session::default())? {
        Fitted::Trained(trained) => Ok(trained),
        Fitted::Interrupted | Fitted::Followed => panic!("nobody interrupts, and there is one rank"),
    }
}

/// Measures the test metrics of the package in the folder `dir` again.
pub fn measured<T: Task>(dir: &Path) -> Measured {
    let Opened { record, predictor, .. } = Opened::<T>::open(dir, &Device::flex()).unwrap();
    let mut ignore = |_: &str| {};
    let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
    let raw = T::load(&record.recipe.data, &mut cx).unwrap();
    let task = T::of_trained(&record.recipe, &predictor).unwrap();
    let test = task.encode(raw, &mut cx).unwrap().test;
    task.evaluate(&predictor, &test, &Interrupt::default()).unwrap()
}

/// Trains a model in `dir/whole` without a stop, and again in `dir/stopped` with a stop after `steps` steps and a
/// resume. Checks that both runs have the same bytes in `metrics.jsonl`, in `best/model.safetensors` and in `files`,
/// which are paths in the run folder. The run must have more than `steps` steps.
pub fn check_resume<T: Task>(recipe: RecipeOf<T>, steps: usize, files: &[&str], dir: &Path) {
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.join(name));
    fit::<T>(recipe.clone(), &whole).unwrap();
    let interrupt = Interrupt::default();
    let mut done = 0;
    let observer = |event: &Event| {
        done += usize::from(matches!(event, Event::Step(_)));
        if done == steps {
            interrupt.request();
        }
    };
    let observer: Box<dyn Observer> = Box::new(observer);
    let mut session = Session { interrupt: interrupt.clone(), observer, ..Session::default() };
    let fitted = Training::<T>::new(recipe).in_folder(&stopped).fit(&mut session).unwrap();
    assert!(matches!(fitted, Fitted::Interrupted) && !stopped.join("report.md").exists());
    drop(session);
    Training::<T>::resume(&stopped).unwrap().fit(&mut Session::default()).unwrap();
    for file in ["metrics.jsonl", "best/model.safetensors"].iter().chain(files) {
        let [whole, stopped] = [&whole, &stopped].map(|run| std::fs::read(run.join(file)).unwrap());
        assert!(whole == stopped, "{file} differs");
    }
}

/// Checks that a model whose package is damaged cannot be opened. `names` are the files of the package in `dir` that
/// the model needs, besides `manifest.json` and `model.safetensors`. Each file is cut in half, without and with a new
/// checksum in the manifest. Then, for each of `changes`, a text in `manifest.json` is replaced by another text, so
/// that the settings are invalid or do not match the weights.
pub fn check_damage<P: Predictor>(dir: &Path, names: &[&str], changes: &[(&str, &str)]) {
    let package = Folder::new(dir);
    let read = |name: &str| package.read(name).unwrap().into_owned();
    let open = |changed: &[(&str, Vec<u8>)]| {
        let mut files = MemoryFiles::default();
        ["manifest.json", "model.safetensors"].iter().chain(names).for_each(|name| files.insert(*name, read(name)));
        changed.iter().for_each(|(name, bytes)| files.insert(*name, bytes.clone()));
        P::from_files(&files).map(drop)
    };
    let manifest = String::from_utf8(read("manifest.json")).unwrap();
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    open(&[]).unwrap();
    assert!(matches!(open(&[("manifest.json", half(manifest.as_bytes()))]), Err(PackageError::Invalid { .. })));
    for name in ["model.safetensors"].iter().chain(names) {
        let cut = half(&read(name));
        let mut listed: Manifest = serde_json::from_str(&manifest).unwrap();
        listed.files.insert((*name).to_owned(), FileEntry::new(&cut));
        let listed = serde_json::to_vec(&listed).unwrap();
        assert!(matches!(open(&[(name, cut.clone())]), Err(PackageError::Checksum { .. })), "half of {name}");
        let found = open(&[(name, cut), ("manifest.json", listed)]);
        assert!(matches!(found, Err(PackageError::Invalid { .. })), "half of {name} with a checksum: {found:?}");
    }
    for (old, new) in changes {
        let changed = manifest.replacen(old, new, 1);
        assert!(changed != manifest, "the manifest has no {old}");
        assert!(matches!(open(&[("manifest.json", changed.into_bytes())]), Err(PackageError::Invalid { .. })), "{new}");
    }
}
