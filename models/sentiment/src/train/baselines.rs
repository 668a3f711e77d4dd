//! The baselines with which a trained model is compared: a classifier that always predicts the most frequent class, and
//! an n-gram classifier.

use std::collections::BTreeMap;

use inference::text::tokenize;
use training::classes::{Answer, accuracy, macro_f1};
use training::{Interrupt, Measured, Metric, TaskError, TaskResult};

use crate::ngrams::NgramClassifier;
use crate::prediction::probabilities;
use crate::train::data::{ClassText, Example};
use crate::train::ngrams::{self, Label, Labels, NgramConfig};

/// Measures the baselines on the test part. The metrics are the accuracy and, if `classes` is not empty, macro F1.
/// `classes` are the names of the classes; empty for `negative` and `positive`. `fitted` is an n-gram classifier that
/// was already fitted to the training part; if `None`, this function fits one. If the fit needs too much memory, the
/// n-gram baseline is left out.
pub fn measure(
    train: &[Example],
    test: &[Example],
    classes: &[String],
    fitted: Option<&NgramClassifier>,
    interrupt: &Interrupt,
) -> TaskResult<BTreeMap<String, Measured>> {
    let own = match fitted {
        Some(_) => None,
        None => {
            let text = |example: &Example| ClassText::new(example.text.clone(), example.class);
            let texts: Vec<ClassText> = train.iter().map(text).collect();
            match fit_ngrams(&texts, classes.len(), &NgramConfig::default(), interrupt) {
                Err(TaskError::Setting { .. }) => None,
                fitted => Some(fitted?),
            }
        }
    };
    let mut baselines = BTreeMap::new();
    if let Some(ngrams) = fitted.or(own.as_ref()) {
        let mut answers = Vec::with_capacity(test.len());
        for example in test {
            interrupt.check()?;
            let logits = ngrams.logits(&tokenize(&example.text));
            answers.push(Answer::new(example.class, &probabilities(&logits, 1.0)));
        }
        baselines.insert("NB-weighted 1–3-grams".to_owned(), measured(&answers, classes));
    }
    let predicted = most_frequent(train);
    let majority: Vec<Answer> =
        test.iter().map(|example| Answer { truth: example.class, predicted, confidence: 1.0 }).collect();
    baselines.insert("majority class".to_owned(), measured(&majority, classes));
    Ok(baselines)
}

/// Fits an n-gram classifier to texts with classes. `classes` is the number of classes, or 0 if the classes are
/// `negative` and `positive`.
pub fn fit_ngrams(
    texts: &[ClassText],
    classes: usize,
    config: &NgramConfig,
    interrupt: &Interrupt,
) -> TaskResult<NgramClassifier> {
    let tokens: Vec<Vec<String>> = texts.iter().map(|text| tokenize(&text.text)).collect();
    let labels: Vec<Label> = texts.iter().map(|text| Label { class: text.class, weight: text.weight.into() }).collect();
    ngrams::fit(&tokens, Labels { of_texts: &labels, outputs: classes.max(1) }, config, interrupt)
}

/// The most frequent class of the training part. If several classes are equally frequent, the class with the largest
/// index.
fn most_frequent(train: &[Example]) -> usize {
    let mut sizes = BTreeMap::new();
    train.iter().for_each(|example| *sizes.entry(example.class).or_insert(0usize) += 1);
    sizes.into_iter().max_by_key(|(_, size)| *size).map_or(0, |(class, _)| class)
}

fn measured(answers: &[Answer], classes: &[String]) -> Measured {
    let mut metrics = vec![Metric::higher("accuracy", accuracy(answers))];
    // The classes `negative` and `positive` of reviews have equal sizes, so macro F1 would be similar to the accuracy.
    if !classes.is_empty() {
        metrics.push(Metric::higher("macro_f1", macro_f1(answers)));
    }
    metrics.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(pairs: &[(&str, usize)]) -> Vec<Example> {
        let example = |(text, class): &(&str, usize)| Example {
            text: (*text).to_owned(),
            ids: vec![],
            class: *class,
            weight: 1.0,
        };
        pairs.iter().map(example).collect()
    }

    #[test]
    fn baselines_are_those_computed_by_hand() {
        let train = examples(&[
            ("who is", 0),
            ("who was", 0),
            ("who", 0),
            ("where is", 1),
            ("where was", 1),
            ("when is", 2),
            ("when was", 2),
        ]);
        let test = examples(&[("who were", 0), ("where were", 1), ("when were", 2), ("when", 2)]);
        let classes = ["person", "place", "time"].map(str::to_owned);
        let found = measure(&train, &test, &classes, None, &Interrupt::default()).unwrap();
        let majority = &found["majority class"];
        assert_eq!(majority.get("accuracy"), Some(0.25));
        // The F1 of the first class is 2 · 1 / (1 + 4).
        approx::assert_abs_diff_eq!(majority.get("macro_f1").unwrap(), 0.4 / 3.0, epsilon = 1e-12);
        assert_eq!(found["NB-weighted 1–3-grams"].get("accuracy"), Some(1.0));
    }
}
