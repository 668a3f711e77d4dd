//! Training as a library, and the predictor of a small trained model.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use handwriting::train::HandwritingTask;
use handwriting::{Options, Predictor, Writer};
use inference::Folder;
use test_training::{check_damage, check_resume, fit, measured, recipe, turn};
use training::{LoadContext, RecipeOf, Task, TaskError, TrainingError};

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 4] = ["model.hidden_size=24", "model.components=3", "training.epochs=2", "training.batch_size=128"];

fn small() -> RecipeOf<HandwritingTask> {
    recipe::<HandwritingTask>("quick", &SMALL).unwrap()
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let _turn = turn();
    check_resume::<HandwritingTask>(small(), 35, &[], tempfile::tempdir().unwrap().path());
}

#[test]
fn a_package_draws_as_the_trained_model_and_resists_damage() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = fit::<HandwritingTask>(small(), &run).unwrap();
    let nll = trained.outcome.test.get("nll").unwrap();
    assert!(nll < trained.outcome.baselines["one Gaussian"].get("nll").unwrap(), "{nll}");
    assert_eq!(measured::<HandwritingTask>(&run.join("best")).flat(), trained.outcome.test.flat());
    let model = Writer::from_files(&Folder::new(run.join("best"))).unwrap();
    assert_eq!(model.settings(), trained.predictor.settings());
    for class in ["circle", "zigzag"] {
        let options = Options { seed: 3, ..Options::default() };
        let [one, other] = [&model, &trained.predictor].map(|model| model.draw(&class.into(), &options).unwrap());
        assert_eq!(one, other);
    }

    let changes = [
        ("\"hidden_size\": 24", "\"hidden_size\": 25"),
        ("\"components\": 3", "\"components\": 1000000"),
        ("\"scale\": ", "\"scale\": -"),
        ("\"circle\"", "\"arrow\""),
    ];
    check_damage::<Writer>(&run.join("best"), &[], &changes);
}

/// No person has drawings in two parts, and the scale depends on the training part alone.
#[test]
fn the_test_part_of_omniglot_is_of_other_persons() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no drawings of persons");
        return;
    }
    let recipe = recipe::<HandwritingTask>("omniglot", &[]).unwrap();
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
    for (name, setting, wrong) in [
        ("quick", "data.test=0.1", "data.test"),
        ("omniglot", "data.valid=0", "data.valid"),
        ("quick", "start_from=\"omniglot\"", "start_from"),
    ] {
        match fit::<HandwritingTask>(recipe::<HandwritingTask>(name, &[setting]).unwrap(), &dir.path().join("run"))
            .err()
        {
            Some(TrainingError::Task(TaskError::Setting { setting: found, .. })) => assert_eq!(found, wrong),
            other => panic!("{other:?}"),
        }
    }
}
