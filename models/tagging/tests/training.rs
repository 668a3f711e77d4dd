//! Training as a library, and the predictor of a small trained model.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use inference::{Files, Folder, PredictError, Predictor};
use tagging::train::TaggingTask;
use tagging::vectors::WordVectors;
use tagging::{Options, Tagger};
use test_training::{check_damage, check_resume, fit, measured, recipe, turn};
use training::recipe::RecipeText;
use training::{RecipeOf, Task, TaskError, Trained, TrainingError};

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 5] = [
    "model.hidden_size=16",
    "model.embedding_size=12",
    "model.character_hidden=8",
    "training.epochs=2",
    "data.replacement=0.2",
];

fn small(settings: &[&str]) -> RecipeOf<TaggingTask> {
    recipe::<TaggingTask>("quick", &[&SMALL, settings].concat()).unwrap()
}

/// Word vectors in GloVe's format for some words of the embedded news: 12 numbers each.
fn vectors(dir: &Path) -> String {
    let path = dir.join("vectors.txt");
    let words = ["the", "in", "prices", "fans", "of", "."];
    let lines = words.iter().enumerate().map(|(index, word)| {
        let numbers: Vec<String> = (0..12).map(|column| ((index * 12 + column) as f32).sin().to_string()).collect();
        format!("{word} {}\n", numbers.join(" "))
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    format!("data.vectors={:?}", path.to_str().unwrap())
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let _turn = turn();
    check_resume::<TaggingTask>(small(&[]), 250, &["best/vocab.txt"], tempfile::tempdir().unwrap().path());
}

#[test]
fn a_package_predicts_as_the_trained_model_and_resists_damage() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    for (name, settings) in [("learned", vec![]), ("vectors", vec![vectors(dir.path())])] {
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let run = dir.path().join(name);
        let trained = fit::<TaggingTask>(small(&settings), &run).unwrap();
        assert!(trained.outcome.test.get("f1").unwrap() > 0.3, "{:?}", trained.outcome.test);
        let package = Folder::new(run.join("best"));
        assert_eq!(measured::<TaggingTask>(&run.join("best")).flat(), trained.outcome.test.flat(), "{name}");
        assert_eq!(package.read(WordVectors::FILE).is_ok(), name == "vectors");
        check_parameters(&trained);
        check_predictions(&Tagger::from_files(&package).unwrap());
        let files: &[_] = if name == "vectors" { &["vocab.txt", WordVectors::FILE] } else { &["vocab.txt"] };
        check_damage::<Tagger>(&run.join("best"), files, &[("\"hidden_size\": 16", "\"hidden_size\": 17")]);
    }
}

/// Checks that the computed number of parameters equals the counted number, and that a sentence without tokens has no
/// entities.
fn check_parameters(trained: &Trained<TaggingTask>) {
    let (model, sizes) = (&trained.predictor, tagging::model::Sizes::of(trained.predictor.encoder()));
    let computed = model.settings().model.num_params(sizes, model.labels());
    assert_eq!(computed, burn::module::Module::num_params(model.network()) as f64);
    let empty: &[&[&str]] = &[&[], &["Ada"], &[]];
    let found = model.tag(empty);
    assert!(found.len() == 3 && found[0].is_empty() && found[2].is_empty());
    assert_eq!(model.tag(&empty[..1]), [[]]);
}

/// Checks the offsets and the options, and that predictions depend neither on the other inputs nor on threads.
fn check_predictions(model: &Tagger) {
    let texts =
        ["Polvai cut prices.\nFans of Ada sang in Léonburg, 😀 in May.", "", "the the the", "Ümit won. Ümit won."];
    let texts = texts.map(str::to_owned);
    let together = model.predict(&texts, &Options::default()).unwrap();
    assert!(together[1].entities.is_empty());
    assert!(together.iter().any(|prediction| !prediction.entities.is_empty()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for (text, expected) in texts.iter().zip(&together) {
                    let alone = model.predict_one(text.clone()).unwrap();
                    assert_eq!(alone.entities.len(), expected.entities.len());
                    for (one, other) in alone.entities.iter().zip(&expected.entities) {
                        assert_eq!((one.start, one.end, &one.kind), (other.start, other.end, &other.kind));
                        approx::assert_abs_diff_eq!(one.confidence, other.confidence, epsilon = 1e-4);
                        assert_eq!(one.text, text[one.start..one.end]);
                        let characters: String =
                            text.chars().skip(one.char_start).take(one.char_end - one.char_start).collect();
                        assert_eq!(one.text, characters);
                        assert!((0.0..=1.0).contains(&one.confidence));
                    }
                }
            });
        }
    });
    let confident = model.predict(&texts, &Options { min_confidence: 0.9 }).unwrap();
    let count = |predictions: &[tagging::Prediction], least: f32| {
        predictions.iter().flat_map(|one| &one.entities).filter(|entity| entity.confidence >= least).count()
    };
    assert_eq!(count(&confident, 0.0), count(&together, 0.9));
    for min_confidence in [-0.1, 1.1, f32::NAN] {
        let error = model.predict(&texts, &Options { min_confidence }).unwrap_err();
        assert!(matches!(error, PredictError::BadInput { field: "min_confidence", .. }), "{error}");
    }
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let refused = |settings: &[&str]| match fit::<TaggingTask>(small(settings), &dir.path().join("run")) {
        Err(TrainingError::Task(TaskError::Setting { setting, .. })) => setting,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{settings:?} is accepted"),
    };
    assert_eq!(refused(&[&vectors(dir.path()), "model.embedding_size=50"]), "model.embedding_size");
    assert_eq!(refused(&["data.valid_to_train=500"]), "data.valid_to_train");
    assert_eq!(refused(&["start_from=\"wnut17\""]), "start_from");
    assert_eq!(refused(&["data.set=conll"]), "data.file");
    assert_eq!(refused(&["data.test_file=a"]), "data.test_file");
    assert_eq!(refused(&["data.format.columns=['token', 'tag']"]), "data.format");
    assert_eq!(refused(&["data.set=conll", "data.file=a", "data.test_file=b"]), "data.valid_file");
    assert!(recipe::<TaggingTask>("quick", &["data.lowercase=1.5"]).is_err());
    for recipe in TaggingTask::RECIPES {
        RecipeText::embedded(recipe).parse::<RecipeOf<TaggingTask>>().unwrap();
    }
}
