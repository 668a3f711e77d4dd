//! Forty short sentences of negation, contrast, comparison and understatement, and five of irony, which were written to
//! test models and never trained on. The file `short-sentences.tsv` has the kind, the label that a person gives, and the
//! sentence.

use training::Metric;

use crate::predictor::Sentiment;
use crate::settings::POLARITY;

const FILE: &str = include_str!("short-sentences.tsv");
/// The kinds of sentences whose accuracy is measured together.
const KINDS: [&str; 4] = ["negation", "contrast", "comparison", "understatement"];
/// The kind that is measured apart.
const IRONY: &str = "irony";

/// A sentence with its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sentence {
    kind: &'static str,
    label: &'static str,
    text: &'static str,
}

/// The share of the forty sentences that a model of reviews classifies correctly (`short_sentences`), and the share of each
/// kind, such as `short_sentences[negation]`.
pub fn measure(predictor: &Sentiment) -> Vec<Metric> {
    let sentences: Vec<Sentence> = sentences().collect();
    let logits = predictor.logits(&sentences.iter().map(|sentence| sentence.text).collect::<Vec<_>>());
    let is_right = |(sentence, logits): (&Sentence, _)| {
        let [negative, positive] = predictor.probabilities(logits)[..] else { return false };
        POLARITY[usize::from(positive > negative)] == sentence.label
    };
    let right: Vec<bool> = sentences.iter().zip(&logits).map(is_right).collect();
    let share = |name: String, kinds: &[&str]| {
        let of_kind = || sentences.iter().zip(&right).filter(|(sentence, _)| kinds.contains(&sentence.kind));
        Metric::higher(name, of_kind().filter(|(_, right)| **right).count() as f64 / of_kind().count() as f64)
    };
    let mut metrics = vec![share("short_sentences".to_owned(), &KINDS)];
    metrics.extend(KINDS.iter().chain(&[IRONY]).map(|kind| share(format!("short_sentences[{kind}]"), &[kind])));
    metrics
}

fn sentences() -> impl Iterator<Item = Sentence> {
    FILE.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Sentence { kind: fields.next()?, label: fields.next()?, text: fields.next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_ten_sentences_of_both_labels() {
        let all: Vec<Sentence> = sentences().collect();
        assert_eq!(all.len(), FILE.lines().count());
        for kind in KINDS {
            let of_kind: Vec<&Sentence> = all.iter().filter(|sentence| sentence.kind == kind).collect();
            assert_eq!((kind, of_kind.len()), (kind, 10));
            assert_eq!(of_kind.iter().filter(|sentence| sentence.label == "positive").count(), 5, "{kind}");
        }
        assert_eq!(all.iter().filter(|sentence| sentence.kind == IRONY).count(), 5);
        assert!(all.iter().all(|sentence| POLARITY.contains(&sentence.label)));
    }
}
