//! Short sentences with negation, contrast, comparison, understatement or irony, which were written to test models and
//! are never training texts. Each line of the files has the kind of the sentence, the label that a person gives, and
//! the sentence.
//!
//! | file | author | sentences |
//! |---|---|---|
//! | `short-sentences.tsv` | the author of the templates of [opinions](super::opinions) | 40, and 5 of irony |
//! | `independent-sentences.tsv` | somebody who had seen neither the templates nor the other file | 40 |

use training::Metric;

use crate::predictor::Sentiment;
use crate::settings::POLARITY;

/// The name of each metric, and the content of the file with its sentences.
const FILES: [(&str, &str); 2] = [
    ("short_sentences", include_str!("short-sentences.tsv")),
    ("independent_sentences", include_str!("independent-sentences.tsv")),
];
/// The kinds of sentences that count in the total accuracy on a file.
const KINDS: [&str; 4] = ["negation", "contrast", "comparison", "understatement"];
/// The kind of sentences that does not count in the total accuracy.
const IRONY: &str = "irony";

/// A sentence with its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sentence {
    kind: &'static str,
    label: &'static str,
    text: &'static str,
}

/// Measures the accuracy of a model with the classes `negative` and `positive` on the sentences of each file: over all
/// kinds except irony, and for each kind, such as `short_sentences[negation]`.
pub fn measure(predictor: &Sentiment) -> Vec<Metric> {
    FILES.into_iter().flat_map(|(name, file)| measure_file(predictor, name, file)).collect()
}

fn measure_file(predictor: &Sentiment, name: &str, file: &'static str) -> Vec<Metric> {
    let sentences: Vec<Sentence> = sentences(file).collect();
    let logits = predictor.logits(&sentences.iter().map(|sentence| sentence.text).collect::<Vec<_>>());
    let is_right = |(sentence, logits): (&Sentence, _)| {
        let [negative, positive] = predictor.probabilities(logits)[..] else { return false };
        POLARITY[usize::from(positive > negative)] == sentence.label
    };
    let right: Vec<bool> = sentences.iter().zip(&logits).map(is_right).collect();
    let share = |name: String, kinds: &[&str]| {
        let of_kind = || sentences.iter().zip(&right).filter(|(sentence, _)| kinds.contains(&sentence.kind));
        let count = of_kind().count();
        let found = of_kind().filter(|(_, right)| **right).count() as f64 / count as f64;
        (count > 0).then(|| Metric::higher(name, found))
    };
    let of_kinds = KINDS.iter().chain(&[IRONY]).map(|kind| share(format!("{name}[{kind}]"), &[kind]));
    [share(name.to_owned(), &KINDS)].into_iter().chain(of_kinds).flatten().collect()
}

fn sentences(file: &'static str) -> impl Iterator<Item = Sentence> {
    file.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Sentence { kind: fields.next()?, label: fields.next()?, text: fields.next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_ten_sentences_of_both_labels() {
        for (name, file) in FILES {
            let all: Vec<Sentence> = sentences(file).collect();
            assert_eq!(all.len(), file.lines().count());
            for kind in KINDS {
                let of_kind: Vec<&Sentence> = all.iter().filter(|sentence| sentence.kind == kind).collect();
                assert_eq!((name, kind, of_kind.len()), (name, kind, 10));
                let positive = of_kind.iter().filter(|sentence| sentence.label == "positive").count();
                assert_eq!(positive, 5, "{name} {kind}");
            }
            assert!(all.iter().all(|sentence| POLARITY.contains(&sentence.label)));
        }
        assert_eq!(sentences(FILES[0].1).filter(|sentence| sentence.kind == IRONY).count(), 5);
    }
}
