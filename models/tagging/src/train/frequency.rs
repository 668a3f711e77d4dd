//! A baseline that gives each word its most frequent label in the training part.

use std::collections::HashMap;

use crate::labels::{Labels, OUTSIDE, Span};
use crate::train::data::Example;

/// The baseline: the most frequent label of each word in the training part.
#[derive(Debug)]
pub struct MostFrequentLabel {
    labels: HashMap<String, usize>,
}

impl MostFrequentLabel {
    /// Finds the most frequent label of each word in `examples`. Words that differ in case are different words. If
    /// several labels are equally frequent, the label with the smallest id is used.
    pub fn fit(examples: &[Example], labels: &Labels) -> Self {
        let mut counts: HashMap<&str, Vec<usize>> = HashMap::new();
        for Example { tokens, entities, .. } in examples {
            for (token, label) in tokens.iter().zip(labels.encode(tokens.len(), entities)) {
                counts.entry(token).or_insert_with(|| vec![0; labels.count()])[label] += 1;
            }
        }
        let most = |counts: Vec<usize>| {
            let best = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
            best.map_or(OUTSIDE, |(label, _)| label)
        };
        Self { labels: counts.into_iter().map(|(word, counts)| (word.to_owned(), most(counts))).collect() }
    }

    /// Predicts the entities of a sentence. Words that are not in the training part get the label [`OUTSIDE`]. The
    /// label of a word does not depend on its neighbours, so the labels may form a sequence that is not allowed;
    /// [`Labels::decode_broken`] converts it to entities.
    pub fn predict(&self, tokens: &[String], labels: &Labels) -> Vec<Span> {
        let label = |token: &String| self.labels.get(token).copied().unwrap_or(OUTSIDE);
        labels.decode_broken(&tokens.iter().map(label).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Sentence;

    #[test]
    fn each_word_gets_its_most_frequent_label() {
        let labels = Labels::new(vec!["place".into()]);
        let example = |text: &str, entities| Example {
            tokens: text.split(' ').map(str::to_owned).collect(),
            sentence: Sentence::default(),
            entities,
        };
        let place = |start, end| Span { start, end, kind: 0 };
        let train = [
            example("in New York", vec![place(1, 3)]),
            example("New York wins", vec![place(0, 2)]),
            example("a New car in Rome", vec![place(4, 5)]),
        ];
        let model = MostFrequentLabel::fit(&train, &labels);
        let predict = |text: &str| model.predict(&example(text, vec![]).tokens, &labels);
        assert_eq!(predict("from New York to Rome or Oslo"), [place(1, 3), place(4, 5)]);
        // In training, `York` was always the end of an entity. Without the beginning, it is still an entity.
        assert_eq!(predict("in York"), [place(1, 2)]);
        assert_eq!(predict("Rome Rome"), [place(0, 1), place(1, 2)]);
        // Case matters, and the training part does not contain `rome`.
        assert_eq!(predict("rome"), []);
        assert_eq!(model.predict(&[], &labels), []);
    }

    #[test]
    fn of_equally_frequent_labels_the_smallest_wins() {
        let labels = Labels::new(vec!["person".into(), "place".into()]);
        let example = |kind: Option<usize>| Example {
            tokens: vec!["Paris".into()],
            sentence: Sentence::default(),
            entities: kind.into_iter().map(|kind| Span { start: 0, end: 1, kind }).collect(),
        };
        let predict = |kinds: &[Option<usize>]| {
            let train: Vec<Example> = kinds.iter().copied().map(example).collect();
            MostFrequentLabel::fit(&train, &labels).predict(&["Paris".into()], &labels)
        };
        assert_eq!(predict(&[Some(1), None]), []);
        assert_eq!(predict(&[Some(1), Some(0)]), [Span { start: 0, end: 1, kind: 0 }]);
        assert_eq!(predict(&[Some(1), Some(0), Some(1)]), [Span { start: 0, end: 1, kind: 1 }]);
    }
}
