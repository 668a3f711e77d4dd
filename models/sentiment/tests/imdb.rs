//! Tests on the IMDB reviews, in the folder that the environment variable `RNN_ZOO_DATA` names.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use datasets::{Locator, Review, imdb};
use inference::package::sha256;
use inference::text::tokenize;
use sentiment::train::SentimentTask;
use training::recipe::RecipeText;
use training::{Fitted, RecipeOf, Session, Task, Training};

/// The baseline reaches its published accuracy, even if it is pruned to 7 MB.
#[test]
fn ngrams_reach_what_the_literature_reports() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no IMDB reviews to test on");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe: RecipeOf<SentimentTask> =
        RecipeText::find("imdb-ngrams", SentimentTask::RECIPES).unwrap().parse().unwrap();
    let training = Training::<SentimentTask>::new(recipe).in_folder(&run);
    let Fitted::Trained(trained) = training.fit(&mut Session::default()).unwrap() else { panic!("interrupted") };
    let outcome = trained.outcome;
    let baseline = &outcome.baselines["NB-weighted 1–3-grams"];
    for accuracy in [outcome.test.get("accuracy"), baseline.get("accuracy")] {
        assert!(accuracy.unwrap() >= 0.915, "{accuracy:?}");
    }
    assert!(std::fs::metadata(run.join("best/ngrams.safetensors")).unwrap().len() <= 8_000_000);
}

/// The shipped models were trained on these tokens. A change of the tokens would change every recorded metric.
#[test]
fn the_tokens_of_the_reviews_never_change() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        return eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no IMDB reviews to test on");
    }
    let reviews = imdb::load(&Locator::new(None)).unwrap();
    let tokens = |review: &Review| tokenize(&review.text).join(" ") + "\n";
    let tokens: String = reviews.train.iter().chain(&reviews.test).map(tokens).collect();
    assert_eq!(sha256(tokens.as_bytes()), "4b053c15e82ea1d4e831bb11f165f29a3ea8d92e57d22db35d92167e3adc817b");
}
