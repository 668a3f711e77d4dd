//! Training as a library, and the predictor of a small trained model.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use handwriting::train::HandwritingTask;
use handwriting::{Options, Predictor, Writer};
use inference::{Files, Folder, MemoryFiles, PackageError};
use training::package::Opened;
use training::recipe::RecipeText;
use training::{
    Event, Fitted, Interrupt, LoadContext, Measured, Observer, RecipeOf, Session, Task, TaskError, Trained, Training,
    TrainingError,
};

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 4] = ["model.hidden_size=24", "model.components=3", "training.epochs=2", "training.batch_size=128"];

/// Only one training runs at a time in this process, because a backend has only one random generator, which every step
/// seeds.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recipe(name: &str, settings: &[&str]) -> RecipeOf<HandwritingTask> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    RecipeText::find(name, HandwritingTask::RECIPES).unwrap().with_overrides(&settings).unwrap().parse().unwrap()
}

fn small() -> RecipeOf<HandwritingTask> {
    recipe("quick", &SMALL)
}

fn fit(recipe: RecipeOf<HandwritingTask>, dir: &Path) -> Result<Box<Trained<HandwritingTask>>, TrainingError> {
    match Training::new(recipe).in_folder(dir).fit(&mut Session::default())? {
        Fitted::Trained(trained) => Ok(trained),
        Fitted::Interrupted | Fitted::Followed => panic!("nobody interrupts, and there is one rank"),
    }
}

/// The test metrics of a package, measured again.
fn measured(dir: &Path) -> Measured {
    let Opened { record, predictor, .. } = Opened::<HandwritingTask>::open(dir, &Device::flex()).unwrap();
    let mut ignore = |_: &str| {};
    let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
    let raw = HandwritingTask::load(&record.recipe.data, &mut cx).unwrap();
    let task = HandwritingTask::of_trained(&record.recipe, &predictor).unwrap();
    let test = task.encode(raw, &mut cx).unwrap().test;
    task.evaluate(&predictor, &test, &Interrupt::default()).unwrap()
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    fit(small(), &whole).unwrap();
    let interrupt = Interrupt::default();
    let mut steps = 0;
    let observer = |event: &Event| {
        if let Event::Step(_) = event {
            steps += 1;
            if steps == 35 {
                interrupt.request();
            }
        }
    };
    let observer: Box<dyn Observer> = Box::new(observer);
    let mut session = Session { interrupt: interrupt.clone(), observer, ..Session::default() };
    let fitted = Training::<HandwritingTask>::new(small()).in_folder(&stopped).fit(&mut session).unwrap();
    assert!(matches!(fitted, Fitted::Interrupted));
    drop(session);
    Training::<HandwritingTask>::resume(&stopped).unwrap().fit(&mut Session::default()).unwrap();
    for file in ["metrics.jsonl", "best/model.safetensors"] {
        assert!(std::fs::read(whole.join(file)).unwrap() == std::fs::read(stopped.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_package_draws_as_the_trained_model_and_resists_damage() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = fit(small(), &run).unwrap();
    let nll = trained.outcome.test.get("nll").unwrap();
    assert!(nll < trained.outcome.baselines["one Gaussian"].get("nll").unwrap(), "{nll}");
    assert_eq!(measured(&run.join("best")).flat(), trained.outcome.test.flat());
    let package = Folder::new(run.join("best"));
    let model = Writer::from_files(&package).unwrap();
    assert_eq!(model.settings(), trained.predictor.settings());
    for class in ["circle", "zigzag"] {
        let options = Options { seed: 3, ..Options::default() };
        let [one, other] = [&model, &trained.predictor].map(|model| model.draw(&class.into(), &options).unwrap());
        assert_eq!(one, other);
    }

    let files = |changed: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let mut files = MemoryFiles::default();
        for name in ["manifest.json", "model.safetensors"] {
            let bytes = package.read(name).unwrap().into_owned();
            files.insert(name, if name == changed { change(bytes) } else { bytes });
        }
        files
    };
    for name in ["manifest.json", "model.safetensors"] {
        let half = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() / 2);
            bytes
        };
        assert!(Writer::from_files(&files(name, &half)).is_err(), "{name}");
    }
    for (text, other) in [
        ("\"hidden_size\": 24", "\"hidden_size\": 25"),
        ("\"components\": 3", "\"components\": 1000000"),
        ("\"scale\": ", "\"scale\": -"),
        ("\"circle\"", "\"arrow\""),
    ] {
        let replace = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replacen(text, other, 1).into_bytes();
        let found = Writer::from_files(&files("manifest.json", &replace));
        assert!(matches!(found, Err(PackageError::Invalid { .. })), "{text}");
    }
}

/// No person has drawings in two parts, and the scale depends on the training part alone.
#[test]
fn the_test_part_of_omniglot_is_of_other_persons() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no drawings of persons");
        return;
    }
    let recipe = recipe("omniglot", &[]);
    let mut ignore = |_: &str| {};
    let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
    let mut parts = HandwritingTask::load(&recipe.data, &mut cx).unwrap();
    let [train, valid, test] = [&parts.train, &parts.valid, &parts.test].map(|part| part.groups());
    assert!(train.is_disjoint(&valid) && train.is_disjoint(&test) && valid.is_disjoint(&test));
    assert_eq!(train.len() + valid.len() + test.len(), 100);
    assert_eq!(parts.train.classes().len(), 136);

    let settings = |parts: &training::Splits<datasets::recordings::Recordings>| {
        let task = HandwritingTask::fit(&recipe, parts, None).unwrap();
        task.predictor(task.init(&Device::flex()), &Device::flex()).unwrap().settings().clone()
    };
    let expected = settings(&parts);
    parts.test.recordings.truncate(1);
    parts.valid.recordings.truncate(1);
    assert_eq!(settings(&parts), expected);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    for (name, setting, wrong) in [("quick", "data.test=0.1", "data.test"), ("omniglot", "data.valid=0", "data.valid")]
    {
        match fit(recipe(name, &[setting]), &dir.path().join("run")).err() {
            Some(TrainingError::Task(TaskError::Setting { setting: found, .. })) => assert_eq!(found, wrong),
            other => panic!("{other:?}"),
        }
    }
}
