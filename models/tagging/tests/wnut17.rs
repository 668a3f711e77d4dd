//! Tests of the baselines on WNUT-17, in the folder that the environment variable `RNN_ZOO_DATA` names.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use datasets::Locator;
use datasets::conll::{TaggedSentence, wnut17};
use tagging::features::Sentence;
use tagging::labels::Labels;
use tagging::train::data::{DataConfig, Example, Part, spans};
use tagging::train::evaluation::measure_overall;
use tagging::train::frequency::MostFrequentLabel;
use tagging::train::perceptron::Perceptron;
use training::Interrupt;

fn examples(part: Vec<TaggedSentence>, labels: &Labels) -> Vec<Example> {
    let example = |TaggedSentence { tokens, entities }| {
        let entities = spans(&entities, labels);
        Example { tokens, entities, sentence: Sentence::default() }
    };
    part.into_iter().map(example).collect()
}

#[test]
fn baselines_on_the_validation_part() {
    if std::env::var_os("RNN_ZOO_DATA").is_none_or(|dir| dir.is_empty()) {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there is no WNUT-17 to test on");
        return;
    }
    let parts = wnut17::load(&Locator::new(None)).unwrap();
    let labels = DataConfig::labels(&parts);
    let train = examples(parts.train, &labels);
    let valid = Part { examples: examples(parts.valid, &labels), known_names: Arc::default() };
    let f1 = |predict: &dyn Fn(&[String]) -> Vec<tagging::labels::Span>| {
        let predicted: Vec<_> = valid.examples.iter().map(|example| predict(&example.tokens)).collect();
        measure_overall(&valid, &predicted).get("f1").unwrap()
    };
    let frequent = MostFrequentLabel::fit(&train, &labels);
    let perceptron = Perceptron::fit(&train, &labels, &Interrupt::default()).unwrap();
    let f1 = [f1(&|tokens| frequent.predict(tokens, &labels)), f1(&|tokens| perceptron.predict(tokens))];
    assert!((0.08..0.11).contains(&f1[0]) && (0.27..0.32).contains(&f1[1]), "{f1:?}");
}
