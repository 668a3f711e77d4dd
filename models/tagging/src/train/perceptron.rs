//! A baseline: the averaged structured perceptron ([Collins 2002](https://aclanthology.org/W02-1001/)) on hand-made
//! features.
//!
//! Every pair of a feature and a label has a weight, and every pair of neighbouring labels also has a weight. The score
//! of a label sequence is the sum of the weights of all pairs that occur in it, and of one weight for the first label.
//! A training step predicts the labels of one sentence. If the predicted labels are wrong, the step adds 1 to the
//! weights that the true label sequence uses, and −1 to the weights that the predicted sequence uses. The trained
//! weights are the averages of the weights after each step.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use training::{Interrupt, TaskResult};

use crate::labels::{Labels, Span};
use crate::train::data::Example;

/// The number of passes over the training part.
const EPOCHS: usize = 20;
/// The length, in characters, of the longest prefixes and suffixes of a word that are features of its token.
const AFFIX: usize = 4;
/// The number of tokens before and after a token whose words and shapes are features of the token.
const WINDOW: isize = 2;

/// A trained perceptron.
#[derive(Debug)]
pub struct Perceptron {
    labels: Labels,
    /// For each feature name, the index of its row in the weight matrix of `chain`.
    features: HashMap<String, usize>,
    chain: Chain,
}

impl Perceptron {
    /// Fits the weights to the training sentences `examples`. The random order of the sentences has a fixed seed, so
    /// that the result is the same in every run.
    pub fn fit(examples: &[Example], labels: &Labels, interrupt: &Interrupt) -> TaskResult<Self> {
        let mut features = HashMap::new();
        let mut row = |name: String| {
            let next = Chain::first_feature(labels) + features.len();
            *features.entry(name).or_insert(next)
        };
        let mut encode = |Example { tokens, entities, .. }: &Example| {
            let rows = (0..tokens.len()).map(|index| names(tokens, index).into_iter().map(&mut row).collect());
            (rows.collect(), labels.encode(tokens.len(), entities))
        };
        let mut sentences: Vec<(Vec<Vec<usize>>, Vec<usize>)> = examples.iter().map(&mut encode).collect();
        let mut chain = Chain::new(labels, features.len());
        let mut average = Average { late: vec![0.0; chain.weights.len()], steps: 0 };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..EPOCHS {
            interrupt.check()?;
            sentences.shuffle(&mut rng);
            sentences.iter().for_each(|(rows, gold)| chain.learn(rows, gold, &mut average));
        }
        average.apply(&mut chain.weights);
        Ok(Self { labels: labels.clone(), features, chain })
    }

    /// Predicts the entities of a sentence.
    pub fn predict(&self, tokens: &[String]) -> Vec<Span> {
        let known = |name: String| self.features.get(&name).copied();
        let rows: Vec<Vec<usize>> =
            (0..tokens.len()).map(|index| names(tokens, index).into_iter().filter_map(known).collect()).collect();
        self.labels.decode(&self.chain.best(&rows))
    }
}

/// A model that scores label sequences. It consists of the allowed pairs of neighbouring labels and the weights of the
/// features.
///
/// The weights are a matrix with one row per feature and one column per label. With K labels, the rows are:
/// - row i, from 0 to K − 1: the feature "the previous token has label i";
/// - row K: the feature "the token is the first of the sentence";
/// - rows from K + 1 on: the features that [`names`] returns for a token, such as its word.
#[derive(Debug)]
struct Chain {
    /// The number of labels.
    labels: usize,
    /// For each label, whether it may start a sentence.
    start: Vec<bool>,
    /// For each label, whether it may end a sentence.
    end: Vec<bool>,
    /// For each label, the labels that may precede it.
    before: Vec<Vec<usize>>,
    /// The weight of each feature for each label, `[features, labels]`.
    weights: Vec<f64>,
}

impl Chain {
    /// Returns the index of the first row of the weights for the features that [`names`] returns.
    fn first_feature(labels: &Labels) -> usize {
        labels.count() + 1
    }

    /// Creates a chain with weights of 0. The argument `features` is the number of distinct features that [`names`]
    /// returns for the tokens of the training part.
    fn new(labels: &Labels, features: usize) -> Self {
        let (allowed, count) = (labels.allowed(), labels.count());
        let before = |to: usize| (0..count).filter(|from| allowed.transitions[*from][to]).collect();
        Self {
            labels: count,
            before: (0..count).map(before).collect(),
            start: allowed.start,
            end: allowed.end,
            weights: vec![0.0; (Self::first_feature(labels) + features) * count],
        }
    }

    /// Returns the weights of the feature with the index `row`, `[labels]`.
    fn weights(&self, row: usize) -> &[f64] {
        &self.weights[row * self.labels..][..self.labels]
    }

    /// Returns the sum of the weights of a token's features, `[labels]`. The argument `rows` has the indices of the
    /// features.
    fn sum(&self, rows: &[usize]) -> Vec<f64> {
        let mut sum = vec![0.0; self.labels];
        for row in rows {
            sum.iter_mut().zip(self.weights(*row)).for_each(|(sum, weight)| *sum += weight);
        }
        sum
    }

    /// Returns the allowed label sequence with the highest score (Viterbi algorithm). Each item of `tokens` has the
    /// indices of the features of one token.
    fn best(&self, tokens: &[Vec<usize>]) -> Vec<usize> {
        let Some((first, others)) = tokens.split_first() else { return Vec::new() };
        let only = |allowed: &[bool], label: usize, score: f64| if allowed[label] { score } else { f64::NEG_INFINITY };
        // For each label, `scores` has the highest score of the label sequences that end with it at the current token.
        // `previous` has the label before it in the sequence with that score.
        let mut scores = self.sum(first);
        for (label, weight) in self.weights(self.labels).iter().enumerate() {
            scores[label] = only(&self.start, label, scores[label] + weight);
        }
        let mut previous = Vec::with_capacity(others.len());
        for rows in others {
            let from = |to: usize| {
                let labels = self.before[to].iter();
                largest(labels.map(|from| (*from, scores[*from] + self.weights(*from)[to])))
            };
            let (labels, best): (Vec<usize>, Vec<f64>) = (0..self.labels).map(from).unzip();
            scores = best.iter().zip(self.sum(rows)).map(|(best, sum)| best + sum).collect();
            previous.push(labels);
        }
        let ends = scores.iter().enumerate().map(|(label, score)| (label, only(&self.end, label, *score)));
        let mut path = vec![largest(ends).0];
        for labels in previous.iter().rev() {
            path.push(labels[path[path.len() - 1]]);
        }
        path.reverse();
        path
    }

    /// Computes one training step: predicts the labels of a sentence, and changes the weights if the prediction is
    /// wrong.
    fn learn(&mut self, tokens: &[Vec<usize>], gold: &[usize], average: &mut Average) {
        let guess = self.best(tokens);
        if guess != gold {
            for (labels, change) in [(gold, 1.0), (&guess, -1.0)] {
                let mut before = self.labels; // the row of the weights for the start of the sentence
                for (rows, label) in tokens.iter().zip(labels) {
                    for row in rows.iter().chain([&before]) {
                        let weight = row * self.labels + label;
                        self.weights[weight] += change;
                        average.late[weight] += change * average.steps as f64;
                    }
                    before = *label;
                }
            }
        }
        average.steps += 1;
    }
}

/// Computes the average of the weights over all training steps.
///
/// Let `steps` be the number of all steps. If a weight changes after `n` completed steps, its value lacks the change in
/// these `n` steps. So the average of the weight is its last value minus the sum of its changes, each multiplied by
/// `n / steps`.
struct Average {
    /// For each weight, the sum of its changes, each multiplied by the number of steps completed before the change.
    late: Vec<f64>,
    /// The number of completed steps.
    steps: usize,
}

impl Average {
    /// Replaces each of `weights`, the weights after the last step, by its average over all steps.
    fn apply(&self, weights: &mut [f64]) {
        let steps = self.steps.max(1) as f64;
        weights.iter_mut().zip(&self.late).for_each(|(weight, late)| *weight -= late / steps);
    }
}

/// Returns the label with the largest score, and this score. Of several labels with this score, the first one is
/// returned.
fn largest(scores: impl Iterator<Item = (usize, f64)>) -> (usize, f64) {
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    scores.fold((0, f64::NEG_INFINITY), better)
}

/// Returns the names of the features of the token at `index`: words and shapes of the token and its neighbours, and the
/// prefixes, suffixes and other properties of its word.
fn names(tokens: &[String], index: usize) -> Vec<String> {
    let token = |offset: isize| match index.checked_add_signed(offset) {
        Some(index) => tokens.get(index).map_or("</s>", String::as_str),
        None => "<s>",
    };
    let form = |offset| shape(token(offset));
    let mut names = vec![
        "bias".to_owned(),
        format!("token={}", token(0)),
        format!("characters={}", token(0).chars().map(class).collect::<String>()),
        format!("shapes-1={} {}", form(-1), form(0)),
        format!("shapes+1={} {}", form(0), form(1)),
        format!("shapes={} {} {}", form(-1), form(0), form(1)),
    ];
    for offset in -WINDOW..=WINDOW {
        names.push(format!("word{offset}={}", token(offset).to_lowercase()));
        names.push(format!("shape{offset}={}", form(offset)));
    }
    names.extend(properties(token(0), index == 0).map(str::to_owned));
    let lower: Vec<char> = token(0).to_lowercase().chars().collect();
    for length in 1..=AFFIX.min(lower.len()) {
        names.push(format!("prefix={}", lower[..length].iter().collect::<String>()));
        names.push(format!("suffix={}", lower[lower.len() - length..].iter().collect::<String>()));
    }
    names
}

/// Returns the names of the properties that a word has, such as `capital`, `digit` and `hyphen`. The argument `first`
/// is true if the word is the first word of its sentence.
fn properties(word: &str, first: bool) -> impl Iterator<Item = &'static str> {
    let capital = word.starts_with(char::is_uppercase);
    let properties = [
        ("capital at start", capital && first),
        ("capital", capital && !first),
        ("capitals", word.chars().all(char::is_uppercase)),
        ("digit", word.contains(char::is_numeric)),
        ("hyphen", word.contains('-')),
    ];
    properties.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name)
}

/// Returns the shape of a word: the [`class`] of each character, where equal neighbours are written once. `McDonald's`
/// gives `XxXx'x`.
fn shape(word: &str) -> String {
    let mut shape: Vec<char> = word.chars().map(class).collect();
    shape.dedup();
    shape.into_iter().collect()
}

/// Returns the class of a character: `X` for an upper-case letter, `x` for another letter, and `0` for a digit. Any
/// other character is its own class.
fn class(character: char) -> char {
    match character {
        upper if upper.is_uppercase() => 'X',
        letter if letter.is_alphabetic() => 'x',
        digit if digit.is_numeric() => '0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Sentence;
    use rand::RngExt;
    use training::TaskError;

    const O: usize = 0;
    const B: usize = 1;
    const E: usize = 3;
    const S: usize = 4;

    fn labels() -> Labels {
        Labels::new(vec!["person".into()])
    }

    fn example(text: &str, entities: Vec<Span>) -> Example {
        Example { tokens: text.split(' ').map(str::to_owned).collect(), sentence: Sentence::default(), entities }
    }

    #[test]
    fn features_are_words_shapes_and_parts_of_the_word_in_a_window() {
        assert_eq!(["McDonald's", "USA", "2nd", "…"].map(shape), ["XxXx'x", "X", "0x", "…"]);
        let tokens = example("At U2 again today", vec![]).tokens;
        let expected = [
            "bias",
            "token=U2",
            "characters=X0",
            "shapes-1=Xx X0",
            "shapes+1=X0 x",
            "shapes=Xx X0 x",
            "word-2=<s>",
            "shape-2=<x>",
            "word-1=at",
            "shape-1=Xx",
            "word0=u2",
            "shape0=X0",
            "word1=again",
            "shape1=x",
            "word2=today",
            "shape2=x",
            "capital",
            "digit",
            "prefix=u",
            "suffix=2",
            "prefix=u2",
            "suffix=u2",
        ];
        assert_eq!(names(&tokens, 1), expected);
        let properties = |word| properties(word, true).collect::<Vec<_>>();
        assert_eq!(properties("A-1"), ["capital at start", "digit", "hyphen"]);
        assert_eq!(properties("UN"), ["capital at start", "capitals"]);
    }

    /// All label sequences of this length.
    fn sequences(length: u32) -> impl Iterator<Item = Vec<usize>> {
        (0..5usize.pow(length)).map(move |code| (0..length).map(|step| code / 5usize.pow(step) % 5).collect())
    }

    #[test]
    fn the_best_sequence_is_the_best_of_all_allowed_ones() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let allowed = labels().allowed();
        for length in (1..=4).cycle().take(40) {
            let mut chain = Chain::new(&labels(), 4);
            chain.weights.iter_mut().for_each(|weight| *weight = rng.random_range(-1.0..1.0));
            let tokens: Vec<Vec<usize>> =
                (0..length).map(|_| (0..2).map(|_| rng.random_range(6..10)).collect()).collect();
            let valid = |path: &Vec<usize>| {
                allowed.start[path[0]]
                    && allowed.end[path[path.len() - 1]]
                    && path.windows(2).all(|pair| allowed.transitions[pair[0]][pair[1]])
            };
            let score = |path: &Vec<usize>| -> f64 {
                let before = [5].into_iter().chain(path.iter().copied());
                let of_token = |((rows, before), label): ((&Vec<usize>, usize), &usize)| {
                    rows.iter().chain([&before]).map(|row| chain.weights[row * 5 + label]).sum::<f64>()
                };
                tokens.iter().zip(before).zip(path).map(of_token).sum()
            };
            let best = sequences(length).filter(valid).max_by(|one, other| score(one).total_cmp(&score(other)));
            assert_eq!(Some(chain.best(&tokens)), best);
        }
        assert!(Chain::new(&labels(), 0).best(&[]).is_empty());
    }

    #[test]
    fn weights_move_from_the_predicted_to_the_true_labels_and_are_averaged_over_the_steps() {
        let mut chain = Chain::new(&labels(), 2); // the rows of the features are 6 and 7
        let mut average = Average { late: vec![0.0; chain.weights.len()], steps: 0 };
        // All weights are 0, and the first label of equal ones is O.
        chain.learn(&[vec![6], vec![7]], &[B, E], &mut average);
        let changes = |chain: &Chain| -> Vec<(usize, usize, f64)> {
            let nonzero = chain.weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
            nonzero.map(|(index, weight)| (index / 5, index % 5, *weight)).collect()
        };
        let start = 5;
        let first = [(O, O, -1.0), (B, E, 1.0), (start, O, -1.0), (start, B, 1.0)];
        let features = [(6, O, -1.0), (6, B, 1.0), (7, O, -1.0), (7, E, 1.0)];
        assert_eq!(changes(&chain), [first, features].concat());
        // The second step predicts correctly; the third one changes weights for the last of the three averaged states.
        chain.learn(&[vec![6], vec![7]], &[B, E], &mut average);
        chain.learn(&[vec![6], vec![7]], &[S, O], &mut average);
        average.apply(&mut chain.weights);
        let weight = |row: usize, label: usize| chain.weights[row * 5 + label];
        assert_eq!([weight(6, O), weight(7, O)], [-1.0, -2.0 / 3.0]);
        assert_eq!([weight(6, B), weight(7, E), weight(B, E)].map(|weight| (3.0 * weight).round()), [2.0; 3]);
        assert_eq!([weight(6, S), weight(S, O), weight(start, S)].map(|weight| (3.0 * weight).round()), [1.0; 3]);
    }

    #[test]
    fn context_decides_about_new_names() {
        let labels = Labels::new(vec!["person".into(), "place".into()]);
        let span = |start, end, kind| Span { start, end, kind };
        let train = [
            example("Mr. Ada Smith spoke", vec![span(1, 3, 0)]),
            example("he lives in Port Ellen", vec![span(3, 5, 1)]),
            example("Mr. Bob Brown spoke", vec![span(1, 3, 0)]),
            example("she lives in Oslo", vec![span(3, 4, 1)]),
            example("he spoke in Rome", vec![span(3, 4, 1)]),
        ];
        let fit = || Perceptron::fit(&train, &labels, &Interrupt::default()).unwrap();
        let model = fit();
        let predict = |text: &str| model.predict(&example(text, vec![]).tokens);
        assert_eq!(predict("Mr. Eve Green spoke"), [span(1, 3, 0)]);
        assert_eq!(predict("she lives in Lima"), [span(3, 4, 1)]);
        assert_eq!(predict("he spoke"), []);
        assert_eq!(model.predict(&[]), []);
        assert_eq!(model.chain.weights, fit().chain.weights);
    }

    #[test]
    fn a_request_stops_the_training() {
        let interrupt = Interrupt::default();
        interrupt.request();
        assert!(matches!(Perceptron::fit(&[], &labels(), &interrupt), Err(TaskError::Interrupted)));
    }
}
