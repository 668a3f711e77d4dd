//! Training as a library: recipes, resuming, training that starts from another model, n-grams, blends.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use inference::{Folder, PackageError, PredictError, Predictor};
use sentiment::train::SentimentTask;
use sentiment::{Options, Sentiment};
use test_training::{check_resume, fit, measured, recipe, turn};
use training::recipe::RecipeText;
use training::{RecipeOf, Task, TaskError, TrainingError};

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 9] = [
    "model.network.hidden_size=12",
    "model.network.embedding_size=12",
    "model.network.dropout=0.1",
    "optimizer.lr=0.02",
    "training.average=0.5",
    "training.batch_size=8",
    "training.accumulate=2",
    "training.patience=3",
    "training.epochs=2",
];

fn small(settings: &[&str]) -> RecipeOf<SentimentTask> {
    recipe::<SentimentTask>("quick", &[&SMALL, settings].concat()).unwrap()
}

fn same(one: &Path, other: &Path, file: &str) -> bool {
    std::fs::read(one.join(file)).unwrap() == std::fs::read(other.join(file)).unwrap()
}

/// Replaces the network of `quick` by n-grams.
fn ngrams_alone(dir: &Path, epochs: usize) -> RecipeOf<SentimentTask> {
    let quick = RecipeText::find("quick", SentimentTask::RECIPES).unwrap();
    let text = quick.as_str();
    let (head, tail) = (text.find("[model.network]").unwrap(), text.find("[training]").unwrap());
    let path = dir.join("ngrams.toml");
    let tail = text[tail..].split("[expected]").next().unwrap().replace("epochs = 7", &format!("epochs = {epochs}"));
    std::fs::write(&path, format!("{}[model.ngrams]\nkeep = 5000\n\n{tail}", &text[..head])).unwrap();
    RecipeText::read(&path).unwrap().parse().unwrap()
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped_and_another_seed_differs() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    check_resume::<SentimentTask>(small(&[]), 300, &["best/vocab.txt"], dir.path());
    let [whole, other] = ["whole", "other"].map(|name| dir.path().join(name));
    fit::<SentimentTask>(small(&["seed=2"]), &other).unwrap();
    assert!(!same(&whole, &other, "metrics.jsonl"));
}

#[test]
fn a_network_a_blend_that_starts_from_it_and_n_grams_alone() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let network = fit::<SentimentTask>(small(&["training.epochs=1"]), &path("network")).unwrap();
    let best: PathBuf = path("network").join("best");
    assert!(network.predictor.network().is_some() && network.predictor.ngrams().is_none());

    // As in the recipe imdb-hybrid, the network is loaded, nothing is trained, and the share is chosen on the
    // validation part.
    let start = format!("start_from={:?}", best.display().to_string());
    let blend = small(&[&start, "training.epochs=0", "model.ngrams.keep=5000"]);
    let blend = fit::<SentimentTask>(blend, &path("blend")).unwrap();
    assert_eq!(blend.outcome.best_epoch, 0);
    let test = blend.outcome.test.flat();
    assert_eq!(test["network_accuracy"], network.outcome.test.flat()["accuracy"]);
    // The model's n-grams are pruned, the baseline's are not.
    let baseline = blend.outcome.baselines["NB-weighted 1–3-grams"].get("accuracy").unwrap();
    assert_eq!(baseline, network.outcome.baselines["NB-weighted 1–3-grams"].get("accuracy").unwrap());
    assert!((test["ngram_accuracy"] - baseline).abs() < 0.05, "{test:?}");
    assert!(same(&path("network"), &path("blend"), "best/model.safetensors"));

    let ngrams = fit::<SentimentTask>(ngrams_alone(dir.path(), 0), &path("ngrams")).unwrap();
    assert_eq!(ngrams.outcome.test.flat()["accuracy"], test["ngram_accuracy"]);
    assert!(!path("ngrams").join("best/model.safetensors").exists());

    for (trained, name) in [(&network, "network"), (&blend, "blend"), (&ngrams, "ngrams")] {
        let package = path(name).join("best");
        assert_eq!(measured::<SentimentTask>(&package).flat(), trained.outcome.test.flat(), "{name}");
        let opened = Sentiment::from_files(&Folder::new(package)).unwrap();
        let texts = ["The plot is not clever.", "A warm, witty cast xyzzy"].map(str::to_owned);
        let options = Options { explain: true };
        assert_eq!(opened.predict(&texts, &options).unwrap(), trained.predictor.predict(&texts, &options).unwrap());
        assert_eq!(opened.share(), trained.predictor.share(), "{name}");
        assert!(opened.predict_one("xyzzy").unwrap().unknown_words == 1, "{name}");
    }

    // The model that training starts from must have been trained on the same texts.
    let start = ["training.epochs=1", &start, "data.valid_seed=7"];
    let error = fit::<SentimentTask>(small(&start), &path("other")).err().unwrap();
    assert!(matches!(error, TrainingError::Task(TaskError::Setting { setting: "data.valid_seed", .. })), "{error}");
    let error = fit::<SentimentTask>(small(&["start_from=\"huge\""]), &path("other")).err().unwrap();
    assert!(matches!(error, TrainingError::Task(TaskError::Package(PackageError::NotFound { .. }))), "{error}");
    assert!(!path("other").join("recipe.toml").exists());
}

#[test]
fn pretraining_is_resumable_and_leads_to_a_classifier() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let pretraining = ["model.network.pretraining={epochs=1,negatives=20,one_in=4}", "data.curriculum=[16]"];
    let trained = fit::<SentimentTask>(small(&pretraining), dir.path()).unwrap();
    let history = std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 2);
    assert!(trained.outcome.test.get("accuracy").is_some_and(|accuracy| accuracy > 0.4));
}

#[test]
fn the_states_of_a_language_model_are_features_of_another_network() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let words = ["model.network.pretraining={epochs=1,negatives=20,one_in=2}", "training.epochs=1"];
    let sizes = ["model.network.embedding_size=12", "model.network.hidden_size=12", "model.network.bidirectional=true"];
    let language = recipe::<SentimentTask>("quick", &[&words[..], &sizes].concat()).unwrap();
    let trained = fit::<SentimentTask>(language, &dir.path().join("language")).unwrap();
    // Words are predicted better than by chance, among 21.
    assert!(trained.outcome.test.get("accuracy").is_some_and(|accuracy| accuracy > 0.1), "{:?}", trained.outcome.test);

    let best = dir.path().join("language/best");
    let contextual = format!("data.contextual={}", best.display());
    let settings = ["training.epochs=1", "model.network.embedding_size=8", &contextual];
    let run = dir.path().join("run");
    let trained = fit::<SentimentTask>(recipe::<SentimentTask>("quick", &settings).unwrap(), &run).unwrap();
    let network = trained.predictor.network().unwrap();
    let weights = |network: &sentiment::model::Network| -> Vec<f32> {
        let contextual = network.contextual.as_ref().unwrap();
        contextual.embedding.weight.val().into_data().try_to_vec().unwrap()
    };
    let features = network.network().contextual.as_ref().unwrap().rnn.hidden_size;
    assert_eq!(features, 12);
    // Training leaves the language model as it was; the package stores it.
    let language = Sentiment::from_pretrained(&best.display().to_string()).unwrap();
    assert!(matches!(language.predict_one("fine"), Err(PredictError::BadInput { field: "model", .. })));
    let of_language: Vec<f32> =
        language.network().unwrap().network().embedding.weight.val().into_data().try_to_vec().unwrap();
    approx::assert_abs_diff_eq!(weights(network.network())[..], of_language[..], epsilon = 1e-3);
    let opened = Sentiment::from_pretrained(&run.join("best").display().to_string()).unwrap();
    let text = "The plot is clever.";
    let [trained, opened] = [&trained.predictor, &opened].map(|model| model.predict_one(text).unwrap().probability);
    approx::assert_abs_diff_eq!(trained, opened, epsilon = 2e-3);
}

#[test]
fn settings_that_exclude_each_other_are_errors_before_training() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let setting =
        |recipe: RecipeOf<SentimentTask>| match fit::<SentimentTask>(recipe, &dir.path().join("run")).err().unwrap() {
            TrainingError::Task(TaskError::Setting { setting, .. }) => setting,
            other => panic!("{other}"),
        };
    let with = |settings: &[&str]| setting(recipe::<SentimentTask>("quick", settings).unwrap());
    let pretraining = "model.network.pretraining={epochs=7,negatives=9,one_in=2}";
    assert_eq!(with(&["data.valid=4000"]), "data.valid");
    assert_eq!(with(&[pretraining]), "model.network.pretraining");
    let of_48 = [pretraining, "model.network.embedding_size=48"];
    assert_eq!(with(&[&of_48[..], &["training.epochs=6"]].concat()), "training.epochs");
    assert_eq!(with(&[&of_48[..], &["model.network.frozen=1"]].concat()), "model.network.frozen");
    assert_eq!(with(&[&of_48[..], &["data.contextual=imdb-bigru"]].concat()), "model.network.pretraining");
    assert_eq!(with(&["data.contextual=imdb-lstm"]), "data.contextual");
    assert_eq!(with(&["model.ngrams={order=17}"]), "model.ngrams.order");
    let impatient = ["model.network.embedding_size=48", "training.epochs=9", "training.patience=7"];
    assert_eq!(with(&[&[pretraining], &impatient[..]].concat()), "training.patience");
    assert_eq!(setting(ngrams_alone(dir.path(), 7)), "training.epochs");
    assert!(!dir.path().join("run").exists());
}

#[test]
fn recipes_refuse_unknown_keys_and_invalid_values() {
    for text in SentimentTask::RECIPES {
        RecipeText::embedded(text).parse::<RecipeOf<SentimentTask>>().unwrap();
    }
    for setting in [
        "model.network.speed=3",
        "model.spare=1",
        "data.spare=1",
        "model.network.hidden_size=\"big\"",
        "model.network.hidden_size=9223372036854775807",
        "model.network.word_dropout=1.5",
        "model.ngrams.c=0",
    ] {
        let error = recipe::<SentimentTask>("quick", &[setting]).err().unwrap();
        assert!(matches!(error, TrainingError::Recipe { .. } | TrainingError::Override { .. }), "{error}");
    }
}
