//! Precision, recall and F1 of entities.
//!
//! A predicted entity is correct if its first token, its last token and its kind are equal to the first token, the last
//! token and the kind of a true entity. The script `conlleval` of [CoNLL-2003](https://aclanthology.org/W03-0419/) and
//! the Python package `seqeval` count entities in the same way.
//!
//! The surface F1 counts each distinct pair of text and kind once over all sentences, so that a frequent name counts no
//! more than a rare name. Texts that differ in case are distinct. The script `wnuteval.py` of the shared task WNUT-17
//! counts in the same way ([Derczynski et al. 2017](https://aclanthology.org/W17-4418/)).

use std::collections::HashSet;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::{Measured, Metric};

use crate::labels::{Labels, Span};
use crate::train::data::{Example, Part, name};

/// The number of bootstrap samples of the confidence interval.
const RESAMPLES: usize = 1000;

/// The numbers of true, predicted and correct entities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of true entities in the data.
    pub gold: usize,
    /// The number of entities that the model predicts.
    pub predicted: usize,
    /// The number of predicted entities that are equal to a true entity.
    pub correct: usize,
}

impl Counts {
    /// Counts the true, predicted and correct entities of one sentence.
    pub fn of(gold: &[Span], predicted: &[Span]) -> Self {
        let correct = predicted.iter().filter(|span| gold.contains(span)).count();
        Self { gold: gold.len(), predicted: predicted.len(), correct }
    }

    /// Returns the fraction of the predicted entities that are correct; 0 if no entity is predicted.
    pub fn precision(self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    /// Returns the fraction of the true entities that are predicted; 0 if there are no true entities.
    pub fn recall(self) -> f64 {
        ratio(self.correct, self.gold)
    }

    /// Returns the harmonic mean of precision and recall; 0 if nothing is correct.
    pub fn f1(self) -> f64 {
        ratio(2 * self.correct, self.gold + self.predicted)
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, one| Self {
            gold: sum.gold + one.gold,
            predicted: sum.predicted + one.predicted,
            correct: sum.correct + one.correct,
        })
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Computes the micro-averaged F1, precision and recall of the predicted entities. `predicted` has one list of entities
/// per sentence of `part`.
pub fn measure_overall(part: &Part, predicted: &[Vec<Span>]) -> Measured {
    overall(&counts(part, predicted, |_, _| true))
}

/// Computes the metrics of [`measure_overall`] from the counts of each sentence.
fn overall(sentences: &[Counts]) -> Measured {
    let all: Counts = sentences.iter().copied().sum();
    let metrics = [("f1", all.f1()), ("precision", all.precision()), ("recall", all.recall())];
    metrics.map(|(name, value)| Metric::higher(name, value)).to_vec().into()
}

/// Returns all metrics of the predicted entities. `predicted` has one list per example.
///
/// The result contains:
/// - the metrics of [`measure_overall`]; the F1 has a 95 % confidence interval, computed by resampling sentences
///   (bootstrap);
/// - `surface_f1`: the F1 that counts each distinct pair of text and kind once;
/// - `unseen_f1`: the F1 of the entities whose text is not the text of an entity in the training part;
/// - F1, precision and recall of each kind of entity in the training part, such as `f1:person`.
pub fn measure(part: &Part, predicted: &[Vec<Span>], labels: &Labels) -> Measured {
    let sentences = counts(part, predicted, |_, _| true);
    let mut measured = overall(&sentences);
    measured.metrics[0].interval = Some(bootstrap(&sentences));
    let f1 = |counts: Vec<Counts>| counts.into_iter().sum::<Counts>().f1();
    let mut add = |name: &str, value: f64| measured.metrics.push(Metric::higher(name, value));
    add("surface_f1", surface(part, predicted).f1());
    let unseen = |tokens: &[String], span: &Span| !part.known_names.contains(&name(&tokens[span.start..span.end]));
    add("unseen_f1", f1(counts(part, predicted, unseen)));
    for (name, counts) in labels.kinds().iter().zip(by_kind(part, predicted, labels)) {
        add(&format!("f1:{name}"), counts.f1());
        add(&format!("precision:{name}"), counts.precision());
        add(&format!("recall:{name}"), counts.recall());
    }
    measured
}

/// Compares the predicted entities of each sentence with the true entities, and returns the counts for each sentence.
/// Entities for which `counted` returns false are ignored.
fn counts(part: &Part, predicted: &[Vec<Span>], counted: impl Fn(&[String], &Span) -> bool) -> Vec<Counts> {
    let sentences = part.examples.iter().zip(predicted);
    let of_sentence = |(Example { tokens, entities, .. }, spans): (&Example, &Vec<Span>)| {
        let counted = |spans: &[Span]| spans.iter().copied().filter(|span| counted(tokens, span)).collect::<Vec<_>>();
        Counts::of(&counted(entities), &counted(spans))
    };
    sentences.map(of_sentence).collect()
}

/// Counts the true, predicted and correct entities of all sentences, separately for each kind of entity. The kinds are
/// in the order of [`Labels::kinds`].
fn by_kind(part: &Part, predicted: &[Vec<Span>], labels: &Labels) -> Vec<Counts> {
    let of_kind = |kind| counts(part, predicted, |_, span| span.kind == kind).into_iter().sum();
    (0..labels.kinds().len()).map(of_kind).collect()
}

/// Counts the distinct pairs of text and kind, separately for the true, the predicted and the correct entities of all
/// sentences. A pair counts as correct if at least one predicted entity with this text and kind is correct.
fn surface(part: &Part, predicted: &[Vec<Span>]) -> Counts {
    let (mut gold, mut guessed, mut correct) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (Example { tokens, entities, .. }, spans) in part.examples.iter().zip(predicted) {
        let form = |span: &Span| (&tokens[span.start..span.end], span.kind);
        gold.extend(entities.iter().map(form));
        guessed.extend(spans.iter().map(form));
        correct.extend(spans.iter().filter(|span| entities.contains(span)).map(form));
    }
    Counts { gold: gold.len(), predicted: guessed.len(), correct: correct.len() }
}

/// Computes the 2.5 % and 97.5 % quantiles of the F1 over [`RESAMPLES`] bootstrap samples. A sample draws sentences
/// with replacement; `counts` has one item per sentence.
fn bootstrap(counts: &[Counts]) -> [f64; 2] {
    if counts.is_empty() {
        return [0.0; 2];
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut sample = || counts.iter().map(|_| counts[rng.random_range(0..counts.len())]).sum::<Counts>().f1();
    let mut scores: Vec<f64> = (0..RESAMPLES).map(|_| sample()).collect();
    scores.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|quantile: f64| scores[(quantile * (RESAMPLES - 1) as f64).round() as usize])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::features::Sentence;

    fn span(start: usize, end: usize, kind: usize) -> Span {
        Span { start, end, kind }
    }

    fn example(text: &str, entities: Vec<Span>) -> Example {
        Example { tokens: text.split(' ').map(str::to_owned).collect(), sentence: Sentence::default(), entities }
    }

    fn part(examples: Vec<Example>, known_names: &[&str]) -> Part {
        Part { examples, known_names: Arc::new(known_names.iter().map(|name| (*name).to_owned()).collect()) }
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        let labels = Labels::new(vec!["person".into(), "place".into()]);
        let examples = vec![
            example("Ada met Ada in New York", vec![span(0, 1, 0), span(2, 3, 0), span(4, 6, 1)]),
            example("Rome calls", vec![span(0, 1, 1)]),
        ];
        // Correct: one of two `Ada`. Wrong: one token of `New York`, and the kind of `Rome`.
        let predicted = [vec![span(0, 1, 0), span(4, 5, 1)], vec![span(0, 1, 0)]];
        let flat = measure(&part(examples, &["rome", "new york"]), &predicted, &labels).flat();
        let value = |name: &str| flat[name];
        approx::assert_relative_eq!(value("precision"), 1.0 / 3.0);
        approx::assert_relative_eq!(value("recall"), 1.0 / 4.0);
        approx::assert_relative_eq!(value("f1"), 2.0 / 7.0);
        // Unique forms: Ada, New York, Rome in the data; Ada, New, Rome predicted.
        approx::assert_relative_eq!(value("surface_f1"), 1.0 / 3.0);
        // Unseen: both `Ada` in the data; `Ada` and `New` predicted.
        approx::assert_relative_eq!(value("unseen_f1"), 0.5);
        approx::assert_relative_eq!(value("f1:person"), 0.5);
        assert_eq!([value("precision:person"), value("recall:person")], [0.5, 0.5]);
        assert_eq!([value("f1:place"), value("precision:place"), value("recall:place")], [0.0; 3]);
        assert!(value("f1_low") <= value("f1") && value("f1") <= value("f1_high"));
    }

    #[test]
    fn names_of_kinds_do_not_collide_with_other_metrics() {
        let labels = Labels::new(["low", "high", "unseen", "surface"].map(str::to_owned).to_vec());
        let measured = measure(&part(vec![example("a", vec![span(0, 1, 0)])], &[]), &[vec![]], &labels);
        assert_eq!(measured.flat().len(), 3 + 2 + 2 + 3 * labels.kinds().len());
    }

    #[test]
    fn surface_forms_are_counted_once_in_all_sentences_with_their_case() {
        let counts = |parts: &[(&str, Vec<Span>, Vec<Span>)]| {
            let examples: Vec<Example> = parts.iter().map(|(text, gold, _)| example(text, gold.clone())).collect();
            surface(&part(examples, &[]), &parts.iter().map(|(.., predicted)| predicted.clone()).collect::<Vec<_>>())
        };
        let (ada, none) = (|| vec![span(0, 1, 0)], Vec::new);
        // `Ada` counts once, and it is correct, because it is found in the second sentence. `ADA` is another form.
        let found = counts(&[("Ada", ada(), none()), ("Ada", ada(), ada()), ("ADA", ada(), none())]);
        assert_eq!(found, Counts { gold: 2, predicted: 1, correct: 1 });
        // The form is in the data and predicted, but at different places.
        let elsewhere = counts(&[("Ada", ada(), none()), ("Ada", none(), ada())]);
        assert_eq!(elsewhere, Counts { gold: 1, predicted: 1, correct: 0 });
        // One text with two kinds is two forms.
        let kinds = counts(&[("Ada", ada(), ada()), ("Ada", vec![span(0, 1, 1)], ada())]);
        assert_eq!(kinds, Counts { gold: 2, predicted: 1, correct: 1 });
    }

    /// Precision, recall, F1 and the number of true entities.
    type Scores = (f64, f64, f64, usize);

    /// A case of `tests/fixtures/seqeval.json`, which `scripts/seqeval_fixture.py` describes.
    #[derive(serde::Deserialize)]
    struct Reference {
        gold: Vec<String>,
        predicted: Vec<String>,
        micro: Scores,
        kinds: std::collections::BTreeMap<String, Scores>,
    }

    /// The entities of tags that blanks separate.
    fn entities(tags: &str, labels: &Labels) -> Vec<Span> {
        let id = |tag: &str| {
            let Some((prefix, kind)) = tag.split_once('-') else { return 0 };
            let kind = labels.kinds().iter().position(|name| name == kind).unwrap();
            1 + 4 * kind + "BIES".find(prefix).unwrap()
        };
        labels.decode_broken(&tags.split(' ').map(id).collect::<Vec<_>>())
    }

    #[test]
    fn counts_are_those_of_seqeval() {
        let labels = Labels::new(["group", "person", "place"].map(str::to_owned).to_vec());
        let text = include_str!("../../tests/fixtures/seqeval.json");
        let cases: Vec<Reference> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 5);
        let check = |(precision, recall, f1, support): Scores, counts: Counts| {
            assert_eq!(counts.gold, support);
            let scores = [counts.precision(), counts.recall(), counts.f1()];
            approx::assert_relative_eq!(&scores[..], &[precision, recall, f1][..]);
        };
        for Reference { gold, predicted, micro, kinds } in cases {
            let examples: Vec<Example> = gold.iter().map(|tags| example(tags, entities(tags, &labels))).collect();
            let predicted: Vec<Vec<Span>> = predicted.iter().map(|tags| entities(tags, &labels)).collect();
            let part = part(examples, &[]);
            check(micro, counts(&part, &predicted, |_, _| true).into_iter().sum());
            for (name, counts) in labels.kinds().iter().zip(by_kind(&part, &predicted, &labels)) {
                check(kinds.get(name).copied().unwrap_or_default(), counts);
            }
        }
    }

    #[test]
    fn nothing_gives_zero() {
        assert_eq!([Counts::default().precision(), Counts::default().recall(), Counts::default().f1()], [0.0; 3]);
        let measured = measure(&part(vec![example("a b", vec![])], &[]), &[vec![]], &Labels::new(vec![]));
        assert_eq!(measured.get("f1"), Some(0.0));
    }

    #[test]
    fn the_interval_shrinks_with_the_number_of_sentences() {
        let width = |count: usize| {
            let counts: Vec<Counts> =
                (0..count).map(|index| Counts { gold: 1, predicted: 1, correct: index % 2 }).collect();
            let [low, high] = bootstrap(&counts);
            assert!(low < 0.5 && 0.5 < high);
            high - low
        };
        // The standard error of a proportion of 0.5 is 0.5/√n, and the interval has 3.92 of them.
        approx::assert_relative_eq!(width(400), 3.92 * 0.5 / 20.0, max_relative = 0.15);
        assert!(width(400) < width(100));
        assert_eq!(width(400), width(400));
        assert_eq!(bootstrap(&[Counts { gold: 1, predicted: 1, correct: 1 }; 3]), [1.0; 2]);
        assert_eq!(bootstrap(&[]), [0.0; 2]);
    }
}
