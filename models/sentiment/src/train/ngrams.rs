//! The fit of the n-grams: logistic regression on features weighted by naive Bayes.
//!
//! 1. For each n-gram, `p` is the number of positive training texts that contain it, plus the setting `smoothing`, and
//!    `q` is the same number for the negative training texts. In a text that contains the n-gram, its feature has the
//!    value `r = ln((p / Σp) / (q / Σq))`, the naive-Bayes ratio, with sums over all n-grams. A text with the weight 2
//!    counts as two texts.
//! 2. The regression fits one coefficient `u` per n-gram. It minimises `½ Σ u² + C Σ ln(1 + exp(−y f))`, where `C` is
//!    the setting `c`, `y = ±1` is the label of a text, and `f = b + Σ u r` is its logit, with a sum over the n-grams
//!    of the text. The loss `ln(1 + exp(−y f))` of each text is multiplied by the weight of the text. Only the products
//!    `w = u r` are kept, one weight per n-gram. The bias `b` is fitted like the weight of an n-gram with `r = 1` that
//!    every text contains.
//! 3. For more than two classes there is one regression per class: the texts of the class are positive, and all other
//!    texts are negative.

use half::f16;
use serde::{Deserialize, Serialize};
use training::settings::{Count, Positive};
use training::{Interrupt, TaskError, TaskResult};

use crate::ngrams::NgramClassifier;
use crate::ngrams::hash::{hash, positions};
use crate::prediction::sigmoid;

/// Training stops when the predicted probability of every text changes by at most this value in one pass.
const TOLERANCE: f64 = 1e-4;
/// The largest number of weights that are fitted, one for each n-gram and class. This number of weights takes 1.2 GB
/// during the fit. The setting `keep` can then remove most of the weights.
const MOST_WEIGHTS: usize = 200_000_000;
/// The largest number of occurrences of n-grams in all training texts. This number of occurrences takes 3.2 GB.
const MOST_POSITIONS: usize = 200_000_000;
/// The largest number of passes over the texts.
const MAX_PASSES: u64 = 100;

/// The table `[model.ngrams]` of a training recipe: how the n-grams are fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgramConfig {
    /// The length of the longest n-grams, in tokens.
    pub order: usize,
    /// The smallest number of training texts that must contain an n-gram; rarer n-grams are left out.
    pub min_count: u32,
    /// The value that is added to the counts of naive Bayes (α in Wang & Manning 2012).
    pub smoothing: Positive,
    /// The weight `C` of the logistic loss relative to the penalty on large coefficients. A larger value fits the
    /// training texts more closely.
    pub c: Positive,
    /// The number of n-grams to keep: those with the largest absolute weights. If absent, all n-grams are kept. Each
    /// n-gram takes 10 bytes in the file of a model with one logit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Count>,
}

impl Default for NgramConfig {
    /// The defaults: n-grams of 1 to 3 tokens that occur in at least two texts, `smoothing` and `C` equal to 1, and all
    /// n-grams kept.
    fn default() -> Self {
        Self { order: 3, min_count: 2, smoothing: Positive::ONE, c: Positive::ONE, keep: None }
    }
}

/// The class of a training text, and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// The index of the class; of two classes, the positive class has the index 1.
    pub class: usize,
    /// The weight of the text. A text with the weight 2 counts as two equal texts.
    pub weight: f64,
}

/// The classes and the weights of the training texts.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The class and the weight of each text.
    pub of_texts: &'a [Label],
    /// The number of logits: 1 for the classes `negative` and `positive`, and otherwise the number of classes.
    pub outputs: usize,
}

/// Fits the weights of the n-grams to tokenised texts and their classes. Does not apply the setting `keep`; the caller
/// applies it with [`NgramClassifier::prune`]. The result is deterministic.
///
/// # Errors
///
/// [`TaskError::Setting`] if the texts have more than 200 million occurrences of n-grams, or if there are more than 200
/// million pairs of an n-gram and a class; [`TaskError::Interrupted`] if a stop was requested.
pub fn fit<S: AsRef<str>>(
    texts: &[Vec<S>],
    labels: Labels<'_>,
    config: &NgramConfig,
    interrupt: &Interrupt,
) -> TaskResult<NgramClassifier> {
    let Labels { of_texts, outputs } = labels;
    let features = Features::of(texts, labels, config, interrupt)?;
    let count = features.keys.len();
    let (mut weights, mut bias) = (vec![f16::ZERO; count * outputs], Vec::with_capacity(outputs));
    for output in 0..outputs {
        let class = if outputs == 1 { 1 } else { output };
        let target = |label: &Label| Target { positive: label.class == class, c: config.c.get() * label.weight };
        let targets: Vec<Target> = of_texts.iter().map(target).collect();
        let ratios = features.ratios(class, config.smoothing.get());
        let mut fitted = regress(&features.texts, &ratios, &targets, interrupt)?;
        bias.push(fitted.pop().unwrap_or_default() as f32);
        for (row, weight) in weights.chunks_mut(outputs).zip(fitted) {
            row[output] = f16::from_f64(weight);
        }
    }
    Ok(NgramClassifier { order: config.order, keys: features.keys, weights, bias })
}

/// The training texts, each as the set of its n-grams.
struct Features {
    /// Hashes of the n-grams, ascending.
    keys: Vec<u64>,
    /// For each n-gram and each class, the total weight of the texts of the class that contain the n-gram:
    /// `[n-grams, classes]`.
    counts: Vec<f32>,
    /// The number of classes.
    classes: usize,
    /// The n-grams of each text, as indices. Every text also contains the index of the bias, which is one larger than
    /// the largest index of an n-gram.
    texts: Vec<Vec<u32>>,
}

impl Features {
    fn of<S: AsRef<str>>(
        texts: &[Vec<S>],
        labels: Labels<'_>,
        config: &NgramConfig,
        interrupt: &Interrupt,
    ) -> TaskResult<Self> {
        let mut found: Vec<(u64, u32)> = Vec::new();
        for (index, tokens) in texts.iter().enumerate() {
            interrupt.check()?;
            found.extend(positions(tokens, config.order).map(|position| (position.key, index as u32)));
            if found.len() > MOST_POSITIONS {
                let message = format!("an order of {} gives too many n-grams; decrease the order", config.order);
                return Err(TaskError::setting("model.ngrams.order", message));
            }
        }
        found.sort_unstable();
        found.dedup();

        let count = labels.outputs.max(2);
        let is_frequent = |group: &&[(u64, u32)]| group.len() >= config.min_count as usize;
        let ngrams = found.chunk_by(|a, b| a.0 == b.0).filter(is_frequent).count();
        if ngrams.saturating_mul(count) > MOST_WEIGHTS {
            let message = format!(
                "{ngrams} n-grams with {count} classes have too many weights; increase this setting to leave out rare \
                 n-grams"
            );
            return Err(TaskError::setting("model.ngrams.min_count", message));
        }
        let texts = vec![Vec::new(); texts.len()];
        let mut features = Self { keys: Vec::new(), counts: Vec::new(), classes: count, texts };
        for group in found.chunk_by(|a, b| a.0 == b.0).filter(is_frequent) {
            let index = features.keys.len();
            features.counts.resize((index + 1) * count, 0.0);
            for (_, text) in group {
                let Label { class, weight } = labels.of_texts[*text as usize];
                features.counts[index * count + class] += weight as f32;
                features.texts[*text as usize].push(index as u32);
            }
            features.keys.push(group[0].0);
        }
        let bias = features.keys.len() as u32;
        features.texts.iter_mut().for_each(|text| text.push(bias));
        Ok(features)
    }

    /// Returns the naive-Bayes ratio of each n-gram, and then the ratio of the bias, which is 1. The texts of `class`
    /// are the positive texts, and all other texts are the negative texts.
    fn ratios(&self, class: usize, smoothing: f64) -> Vec<f64> {
        let counts = self.counts.chunks(self.classes).map(|counts| {
            let others = counts[..class].iter().chain(&counts[class + 1..]).sum();
            [others, counts[class]]
        });
        let mut ratios = ratios(&counts.collect::<Vec<_>>(), smoothing);
        ratios.push(1.0);
        ratios
    }
}

/// Computes the naive-Bayes ratio of each n-gram, `ln((p / Σp) / (q / Σq))`. `counts` has one item
/// `[negative, positive]` per n-gram: the weights of the negative and of the positive training texts that contain it.
/// `p` is the positive count plus `smoothing`, `q` is the negative count plus `smoothing`, and the sums are over all
/// n-grams.
fn ratios(counts: &[[f32; 2]], smoothing: f64) -> Vec<f64> {
    let total = |side: usize| counts.iter().map(|count| f64::from(count[side]) + smoothing).sum::<f64>();
    let offset = total(0).ln() - total(1).ln();
    let log = |count: f32| (f64::from(count) + smoothing).ln();
    counts.iter().map(|[negative, positive]| log(*positive) - log(*negative) + offset).collect()
}

/// The label of a text and its weight in the loss, for the regression of one class.
#[derive(Clone, Copy, Debug)]
struct Target {
    /// Whether the text belongs to the class.
    positive: bool,
    /// The weight of the logistic loss of the text.
    c: f64,
}

/// Computes the weights `w = u r` of the regression (coefficient times ratio) by coordinate descent on the dual problem
/// ([Yu, Huang & Lin 2011](https://doi.org/10.1007/s10994-010-5221-8)). The last weight is the bias.
///
/// The dual has one variable `α` per text, between 0 and `C`, where `C` is the field `c` of the text's target. The
/// coefficient of an n-gram is `u = Σ α y r`, a sum over the texts that contain the n-gram. `y = ±1` is the label of a
/// text, and `f` its logit. At the minimum, `α = C σ(−y f)` for each text. Each step makes this equation true for one
/// text. The code stores `t` instead of `α`, with `α = C σ(t)`: `t` has no bounds, and equals `−y f` at the minimum.
fn regress(texts: &[Vec<u32>], ratios: &[f64], targets: &[Target], interrupt: &Interrupt) -> TaskResult<Vec<f64>> {
    // Weight and squared ratio are stored side by side, because they are read together and memory access is slow.
    let mut table: Vec<[f64; 2]> = ratios.iter().map(|ratio| [0.0, ratio * ratio]).collect();
    let mut dual = vec![f64::NEG_INFINITY; targets.len()];
    let mut order: Vec<usize> = (0..targets.len()).collect();
    for pass in 0..MAX_PASSES {
        interrupt.check()?;
        // Each pass visits the texts in a new order, by hash: the descent is slow when texts of one label are adjacent.
        order.sort_by_cached_key(|index| hash([&pass.to_le_bytes(), &(*index as u64).to_le_bytes()]));
        let mut worst = 0.0f64;
        for &index in &order {
            let Target { positive, c } = targets[index];
            let sign = if positive { 1.0 } else { -1.0 };
            let text = &texts[index];
            let rows = text.iter().map(|feature| table[*feature as usize]);
            let [logit, norm] = rows.fold([0.0; 2], |sum, row| [sum[0] + row[0], sum[1] + row[1]]);
            let (old, margin) = (dual[index], sign * logit);
            let new = solve(old, margin, c * norm);
            let step = sign * c * (sigmoid(new) - sigmoid(old));
            for feature in text {
                let [weight, square] = &mut table[*feature as usize];
                *weight += step * *square;
            }
            dual[index] = new;
            worst = worst.max((sigmoid(-margin) - sigmoid(old)).abs());
        }
        if worst < TOLERANCE {
            break;
        }
    }
    Ok(table.into_iter().map(|[weight, _]| weight).collect())
}

/// Finds the root `t` of the increasing function `t + margin + scale (σ(t) − σ(old))` by Newton's method. A Newton step
/// that leaves the interval known to contain the root is replaced by a bisection.
fn solve(old: f64, margin: f64, scale: f64) -> f64 {
    let (mut low, mut high) = (-margin - scale * sigmoid(-old), -margin + scale * sigmoid(old));
    let mut t = old.max(low).min(high);
    for _ in 0..60 {
        let probability = sigmoid(t);
        let error = t + margin + scale * (probability - sigmoid(old));
        if error.abs() < 1e-9 {
            break;
        }
        if error > 0.0 {
            high = t
        } else {
            low = t
        }
        let newton = t - error / (1.0 + scale * probability * (1.0 - probability));
        t = if low < newton && newton < high { newton } else { 0.5 * (low + high) };
    }
    t
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use approx::assert_abs_diff_eq;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    fn config(order: usize, c: f64) -> NgramConfig {
        NgramConfig { order, min_count: 1, c: Positive::try_from(c).unwrap(), ..NgramConfig::default() }
    }

    fn labels(classes: &[usize]) -> Vec<Label> {
        classes.iter().map(|class| Label { class: *class, weight: 1.0 }).collect()
    }

    fn features<S: AsRef<str>>(texts: &[Vec<S>], labels: &[Label], config: &NgramConfig) -> Features {
        Features::of(texts, Labels { of_texts: labels, outputs: 1 }, config, &Interrupt::default()).unwrap()
    }

    fn fitted<S: AsRef<str>>(texts: &[Vec<S>], positive: &[bool], config: &NgramConfig) -> NgramClassifier {
        let labels = labels(&positive.iter().map(|positive| usize::from(*positive)).collect::<Vec<_>>());
        fit(texts, Labels { of_texts: &labels, outputs: 1 }, config, &Interrupt::default()).unwrap()
    }

    fn logit(classifier: &NgramClassifier, text: &str) -> f32 {
        classifier.logits(&words(text))[0]
    }

    fn probability(classifier: &NgramClassifier, text: &str) -> f64 {
        sigmoid(f64::from(logit(classifier, text)))
    }

    fn key(text: &str) -> u64 {
        positions(&words(text), usize::MAX).max_by_key(|position| position.length).unwrap().key
    }

    /// Four small reviews, two of each label.
    fn reviews() -> ([Vec<&'static str>; 4], [bool; 4]) {
        let texts = ["a fine film", "a dull film", "fine , very fine", "very dull indeed"].map(words);
        (texts, [true, false, true, false])
    }

    #[test]
    fn ratios_are_those_computed_by_hand() {
        let texts = ["good film good", "good", "bad film"].map(words);
        let labels = labels(&[1, 1, 0]);
        let all = features(&texts, &labels, &config(1, 1.0));
        let ratios = all.ratios(1, 1.0);
        // Positive counts plus 1: good 3, film 2, bad 1, together 6. Negative: 1, 2, 2, together 5.
        for (word, ratio) in [("good", 2.5), ("film", 5.0 / 6.0), ("bad", 5.0 / 12.0)] {
            let index = all.keys.binary_search(&key(word)).unwrap();
            assert_abs_diff_eq!(ratios[index], f64::ln(ratio), epsilon = 1e-12);
        }
        assert_eq!(all.texts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 3], "with the bias");

        let frequent = NgramConfig { min_count: 2, ..config(1, 1.0) };
        assert_eq!(features(&texts, &labels, &frequent).keys.len(), 2);
    }

    /// For the texts `a` and `b` the ratios are ±ln 2 and the weights ±w, with `w (1 + eʷ) = C ln² 2`.
    #[test]
    fn weights_are_those_computed_by_hand() {
        let c = (1.0 + 1f64.exp()) / 2f64.ln().powi(2);
        let classifier = fitted(&[["a"], ["b"]].map(Vec::from), &[true, false], &config(1, c));
        assert_abs_diff_eq!(logit(&classifier, "a"), 1.0, epsilon = 2e-3);
        assert_abs_diff_eq!(logit(&classifier, "b b"), -1.0, epsilon = 2e-3);
        assert_abs_diff_eq!(probability(&classifier, "unknown"), 0.5, epsilon = 1e-3);
        assert_abs_diff_eq!(probability(&classifier, "a"), 0.731, epsilon = 1e-3);
    }

    /// At the minimum the gradient `u − C Σ y σ(−y f) r` is zero.
    #[test]
    fn regression_ends_at_the_minimum() {
        let (texts, positive) = reviews();
        for c in [0.1, 1.0, 30.0] {
            let features = features(&texts, &labels(&positive.map(usize::from)), &config(3, c));
            let ratios = features.ratios(1, 1.0);
            let targets = positive.map(|positive| Target { positive, c });
            let weights = regress(&features.texts, &ratios, &targets, &Interrupt::default()).unwrap();
            let pull = |text: &Vec<u32>, positive: bool| {
                let logit: f64 = text.iter().map(|index| weights[*index as usize]).sum();
                c * if positive { sigmoid(-logit) } else { -sigmoid(logit) }
            };
            for (index, ratio) in ratios.iter().enumerate().filter(|(_, ratio)| **ratio != 0.0) {
                let with = iter::zip(&features.texts, positive).filter(|(text, _)| text.contains(&(index as u32)));
                let gradient =
                    weights[index] / ratio - with.map(|(text, positive)| pull(text, positive) * ratio).sum::<f64>();
                assert!(gradient.abs() < 4.0 * c * TOLERANCE, "C {c}: {gradient} of {index}");
            }
        }
    }

    #[test]
    fn one_dimensional_solutions_are_roots() {
        for (old, margin, scale) in [(f64::NEG_INFINITY, 0.3, 500.0), (-4.0, -30.0, 2.0), (900.0, 5.0, 1e6)] {
            let t = solve(old, margin, scale);
            assert_abs_diff_eq!(t + margin + scale * (sigmoid(t) - sigmoid(old)), 0.0, epsilon = 1e-6);
        }
    }

    #[test]
    fn bigrams_distinguish_what_words_cannot() {
        let texts = ["not good", "good not", "bad never", "never bad"].map(words);
        let positive = [false, true, true, false];
        let logits = |order| {
            let classifier = fitted(&texts, &positive, &config(order, 10.0));
            texts.clone().map(|text| classifier.logits(&text)[0])
        };
        assert_eq!(logits(2).map(|logit| logit > 0.5), positive);
        assert_eq!(logits(2).map(|logit| logit > -0.5), positive);
        let [a, same_as_a, b, same_as_b] = logits(1);
        assert_eq!((a, b), (same_as_a, same_as_b));
    }

    #[test]
    fn each_class_has_a_regression_against_the_rest() {
        let texts = ["who is it", "where is it", "when is it", "who was it", "where was it", "when was it"].map(words);
        let of_texts = [0, 1, 2, 0, 1, 2];
        let fitted =
            fit(&texts, Labels { of_texts: &labels(&of_texts), outputs: 3 }, &config(1, 10.0), &Interrupt::default());
        let classifier = fitted.unwrap();
        for (text, class) in iter::zip(&texts, of_texts) {
            let logits = classifier.logits(text);
            assert!((0..3).all(|other| (logits[other] > 0.0) == (other == class)), "{logits:?}");
        }
        // The regression of one class equals that of its texts against all others.
        let alone = fit(
            &texts,
            Labels { of_texts: &labels(&[1, 0, 0, 1, 0, 0]), outputs: 1 },
            &config(1, 10.0),
            &Interrupt::default(),
        );
        assert_eq!(alone.unwrap().logits(&texts[0]), classifier.logits(&texts[0])[..1]);
    }

    #[test]
    fn without_texts_or_words_the_probability_is_a_half() {
        let nothing = fitted::<&str>(&[], &[], &NgramConfig::default());
        assert_eq!(probability(&nothing, "word"), 0.5);
        let silent = fitted::<&str>(&[vec![], vec![]], &[true, false], &config(3, 1.0));
        assert_abs_diff_eq!(logit(&silent, "word"), 0.0, epsilon = 5e-3);
    }

    #[test]
    fn settings_have_defaults_and_refuse_unknown_keys() {
        let read = |text| serde_json::from_str::<NgramConfig>(text);
        assert_eq!(read("{}").unwrap(), NgramConfig::default());
        assert_eq!(read(r#"{"order": 2, "c": 0.5}"#).unwrap(), NgramConfig { min_count: 2, ..config(2, 0.5) });
        for wrong in [r#"{"orders": 2}"#, r#"{"c": 0}"#, r#"{"keep": 0}"#] {
            read(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_weight_of_two_is_a_text_that_occurs_twice() {
        let (texts, positive) = reviews();
        let mut weighted = labels(&positive.map(usize::from));
        weighted[3].weight = 2.0;
        let fit = |texts: &[Vec<&str>], labels: &[Label]| {
            super::fit(texts, Labels { of_texts: labels, outputs: 1 }, &config(2, 1.0), &Interrupt::default()).unwrap()
        };
        let twice = [texts.to_vec(), vec![texts[3].clone()]].concat();
        let [weighted, twice] = [fit(&texts, &weighted), fit(&twice, &labels(&[1, 0, 1, 0, 0]))];
        for text in ["a fine film", "very dull indeed", "a"] {
            assert_abs_diff_eq!(logit(&weighted, text), logit(&twice, text), epsilon = 3e-3);
        }
        assert!(
            (logit(&weighted, "dull") - logit(&fit(&texts, &labels(&positive.map(usize::from))), "dull")).abs() > 0.05
        );
    }

    #[test]
    fn a_fit_can_be_interrupted() {
        let (texts, positive) = reviews();
        let interrupt = Interrupt::default();
        interrupt.request();
        let labels = labels(&positive.map(usize::from));
        let interrupted = fit(&texts, Labels { of_texts: &labels, outputs: 1 }, &config(1, 1.0), &interrupt);
        assert!(matches!(interrupted, Err(TaskError::Interrupted)));
    }
}
