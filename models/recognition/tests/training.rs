//! Training as a library, and the predictor of a small trained model.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use inference::{Folder, Predictor};
use recognition::train::RecognitionTask;
use recognition::{Recognizer, Sequence};
use test_training::{check_damage, check_resume, fit, measured, recipe, turn};
use training::{LoadContext, RecipeOf, Task, TaskError, TrainingError};

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 3] = ["model.hidden_size=12", "training.epochs=2", "training.batch_size=128"];

fn small(settings: &[&str]) -> RecipeOf<RecognitionTask> {
    recipe::<RecognitionTask>("quick", &[&SMALL, settings].concat()).unwrap()
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let _turn = turn();
    check_resume::<RecognitionTask>(small(&[]), 35, &[], tempfile::tempdir().unwrap().path());
}

#[test]
fn a_package_predicts_as_the_trained_model_and_resists_damage() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = fit::<RecognitionTask>(small(&[]), &run).unwrap();
    assert!(trained.outcome.test.get("accuracy").unwrap() > 0.3, "{:?}", trained.outcome.test);
    assert_eq!(measured::<RecognitionTask>(&run.join("best")).flat(), trained.outcome.test.flat());
    let model = Recognizer::from_files(&Folder::new(run.join("best"))).unwrap();
    assert_eq!(model.settings(), trained.predictor.settings());

    // The probabilities do not depend on the other sequences of a batch.
    let wave = |steps: usize| (0..steps).map(|step| (step as f32 * 0.3).sin()).collect::<Vec<f32>>();
    let sequences = [3, 50, 17].map(|steps| Sequence::new([("x", wave(steps)), ("y", wave(steps))]));
    let together = model.predict(&sequences, &Default::default()).unwrap();
    for (sequence, expected) in sequences.into_iter().zip(together) {
        let alone = model.predict_one(sequence).unwrap();
        assert_eq!(alone.label, expected.label);
        approx::assert_abs_diff_eq!(alone.probability, expected.probability, epsilon = 1e-5);
        approx::assert_abs_diff_eq!(alone.probabilities.values().sum::<f32>(), 1.0, epsilon = 1e-5);
    }

    let changes = [("\"hidden_size\": 12", "\"hidden_size\": 13"), ("\"temperature\": ", "\"temperature\": -")];
    check_damage::<Recognizer>(&run.join("best"), &[], &changes);
}

#[test]
fn the_weights_of_the_last_epoch_are_kept_if_the_recipe_says_so() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    // A learning rate that makes the second epoch worse than the first one.
    let settings = ["schedule={ kind = \"constant\" }", "training.epochs=3", "optimizer.lr=0.3"];
    let [best, last] = ["best", "last"].map(|keep| {
        let keep = format!("training.keep=\"{keep}\"");
        let trained =
            fit::<RecognitionTask>(small(&[&settings[..], &[&keep]].concat()), &dir.path().join(&keep)).unwrap();
        trained.outcome.best_epoch
    });
    assert!(best < last && last == 3, "{best} {last}");
    let refused = recipe::<RecognitionTask>("quick", &["training.keep=last", "training.patience=2"]).unwrap().check();
    assert!(matches!(refused, Err(TrainingError::Settings { .. })));
}

/// Every person is in the test part of one fold, and in no training part of that fold.
#[test]
fn folds_keep_persons_apart() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no recordings with persons");
        return;
    }
    let mut all = Vec::new();
    for number in 1..=5 {
        let recipe =
            recipe::<RecognitionTask>("watch-exercises", &[&format!("data.fold={{ number = {number}, of = 5 }}")])
                .unwrap();
        let mut ignore = |_: &str| {};
        let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
        let parts = RecognitionTask::load(&recipe.data, &mut cx).unwrap();
        let [train, valid, test] = [&parts.train, &parts.valid, &parts.test].map(|part| part.groups());
        assert!(train.is_disjoint(&valid) && train.is_disjoint(&test) && valid.is_disjoint(&test));
        assert_eq!(train.len() + valid.len() + test.len(), 10);
        all.extend(test.into_iter().map(str::to_owned));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 10);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    for (name, settings, setting) in [
        ("quick", ["data.label=\"class\""].as_slice(), "data.label"),
        ("quick", &["start_from=\"gestures\""], "start_from"),
        ("own-recordings", &["data.file=\"absent.csv\""], "data.label"),
        ("own-recordings", &["data.set=\"folder\""], "data.file"),
        ("own-videos", &["data.file=\"absent\"", "data.augmentation.rotation=10"], "data.augmentation"),
        ("own-videos", &["data.file=\"absent\"", "data.augmentation.mirror=[\"x\"]"], "data.augmentation"),
        ("own-videos", &["data.file=\"absent\"", "data.video.side=100000"], "data.video.side"),
        ("quick", &["data.video={ side = 28, images = 4 }", "data.augmentation.rotation=10"], "data.augmentation"),
    ] {
        match fit::<RecognitionTask>(recipe::<RecognitionTask>(name, settings).unwrap(), &dir.path().join("run")).err()
        {
            Some(TrainingError::Task(TaskError::Setting { setting: found, .. })) => assert_eq!(found, setting),
            other => panic!("{other:?}"),
        }
    }
}
