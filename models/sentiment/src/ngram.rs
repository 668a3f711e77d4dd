//! Logistic regression on the words, pairs and triples of words of a text, each weighted by naive Bayes.
//!
//! [Wang & Manning 2012](https://aclanthology.org/P12-2018/), "Baselines and Bigrams: Simple, Good Sentiment and Topic
//! Classification", with logistic regression instead of a support vector machine, so that the scores are log-odds.
//!
//! 1. A text is the set of n-grams (runs of 1 to `order` tokens) that it contains; how often does not matter.
//! 2. `p` and `q` count in how many positive and negative training texts each n-gram stands, plus `smoothing`. Its
//!    naive-Bayes ratio `r = ln((p / Σp) / (q / Σq))` is the value it has as a feature.
//! 3. The regression minimises `½ Σ u² + C Σ ln(1 + exp(−y f))`, with `y = ±1` and `f = b + Σ u r` the log-odds of a
//!    text. Only the products `w = u r` are kept, one weight an n-gram; the bias `b` is one more of them, with `r = 1`.
//!
//! N-grams are stored as 64-bit hashes: of the few million in a corpus of reviews, two share a hash with a chance of
//! about one in a million.

use std::path::{Path, PathBuf};
use std::{io, iter};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Positive};

/// The regression has converged when no text's residual, a probability, is off by more than this.
const TOLERANCE: f64 = 1e-4;
/// Passes over the texts after which it ends in any case.
const MAX_PASSES: u64 = 100;
/// Where an FNV-1a hash starts.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// How a [`NgramClassifier`] learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgramConfig {
    /// The longest n-grams, in tokens.
    pub order: usize,
    /// N-grams that stand in fewer training texts than this are left out.
    pub min_count: u32,
    /// What is added to the counts of naive Bayes, α in the paper.
    pub smoothing: Positive,
    /// `C`: how much the errors count against the size of the coefficients. Larger fits closer.
    pub c: Positive,
    /// Keeps only so many n-grams, those with the largest weights; all if absent. Each takes 10 bytes in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Count>,
}

impl Default for NgramConfig {
    /// 1- to 3-grams that stand in two texts or more, `smoothing` and `C` 1, all kept.
    fn default() -> Self {
        Self { order: 3, min_count: 2, smoothing: Positive::ONE, c: Positive::ONE, keep: None }
    }
}

/// Why a file of n-grams could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NgramError {
    /// The system would not read or write it.
    #[error("cannot {action} {}: {source}; check the path and the space on the disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what [`NgramClassifier::save`] wrote.
    #[error("{} is damaged: {problem}; fetch it again, or train and export the model again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl NgramError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}

/// Tells positive from negative texts by the n-grams they contain.
#[derive(Clone, Debug, PartialEq)]
pub struct NgramClassifier {
    order: usize,
    /// Hashes of the n-grams, strictly ascending.
    keys: Vec<u64>,
    /// What each adds to the log-odds of a text that contains it. In half precision, three significant digits.
    weights: Vec<f16>,
    /// The log-odds of a text without any of them.
    bias: f32,
}

impl NgramClassifier {
    /// Learns from tokenised texts and whether each is positive. Always the same for the same arguments.
    ///
    /// # Panics
    ///
    /// If there are not as many labels as texts.
    pub fn fit<S: AsRef<str>>(texts: &[Vec<S>], positive: &[bool], config: &NgramConfig) -> Self {
        assert_eq!(texts.len(), positive.len(), "one label a text");
        let features = Features::of(texts, positive, config);
        let mut weights = regress(&features, positive, config.c.get());
        let bias = weights.pop().unwrap_or_default() as f32;
        let weights = weights.into_iter().map(f16::from_f64).collect();
        let full = Self { order: config.order, keys: features.keys, weights, bias };
        match config.keep {
            Some(count) => full.prune(count.get()),
            None => full,
        }
    }

    /// The same without all but the `count` n-grams with the largest weights, of either sign. The bias stays.
    #[must_use]
    pub fn prune(self, count: usize) -> Self {
        let mut entries: Vec<(u64, f16)> = iter::zip(self.keys, self.weights).collect();
        // Hashes decide between equals, so that the outcome does not depend on how the sort works.
        entries.sort_unstable_by(|(key, weight), (other_key, other)| {
            other.to_f32().abs().total_cmp(&weight.to_f32().abs()).then(key.cmp(other_key))
        });
        entries.truncate(count);
        entries.sort_unstable_by_key(|(key, _)| *key);
        let (keys, weights) = entries.into_iter().unzip();
        Self { keys, weights, ..self }
    }

    /// How many n-grams have a weight.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no n-gram has a weight.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The log-odds that a text is positive: the bias and the weights of its n-grams, each counted once.
    pub fn logit<S: AsRef<str>>(&self, tokens: &[S]) -> f32 {
        let places = sorted_places(tokens, self.order);
        self.bias + places.chunk_by(same_ngram).map(|group| self.weight(group[0].key)).sum::<f32>()
    }

    /// The probability that a text is positive, between 0 and 1.
    pub fn probability<S: AsRef<str>>(&self, tokens: &[S]) -> f32 {
        sigmoid(f64::from(self.logit(tokens))) as f32
    }

    /// What each token adds to the [`logit`](Self::logit); together with the [`bias`](Self::bias) they add up to it.
    /// The weight of an n-gram is shared equally among its tokens, at all the places where it stands.
    pub fn contributions<S: AsRef<str>>(&self, tokens: &[S]) -> Vec<f32> {
        let mut shares = vec![0.0; tokens.len()];
        for group in sorted_places(tokens, self.order).chunk_by(same_ngram) {
            let share = self.weight(group[0].key) / (group.len() * group[0].length) as f32;
            for place in group {
                shares[place.start..place.start + place.length].iter_mut().for_each(|sum| *sum += share);
            }
        }
        shares
    }

    /// The log-odds of a text without any known n-gram.
    pub fn bias(&self) -> f32 {
        self.bias
    }

    fn weight(&self, key: u64) -> f32 {
        self.keys.binary_search(&key).map_or(0.0, |index| self.weights[index].to_f32())
    }

    /// Writes a safetensors file: `keys` (u64) and `weights` (f16), one an n-gram, and the single numbers `bias` (f32),
    /// `order` and `checksum` (u64).
    pub fn save(&self, path: &Path) -> Result<(), NgramError> {
        let keys: Vec<u8> = self.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let weights: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let (bias, order) = (self.bias.to_le_bytes(), (self.order as u64).to_le_bytes());
        let checksum = hash([&keys, &weights, &bias, &order]).to_le_bytes();
        let tensors = [
            ("keys", Dtype::U64, self.len(), keys.as_slice()),
            ("weights", Dtype::F16, self.len(), &weights),
            ("bias", Dtype::F32, 1, &bias),
            ("order", Dtype::U64, 1, &order),
            ("checksum", Dtype::U64, 1, &checksum),
        ];
        let views = tensors.map(|(name, dtype, len, data)| Ok((name, TensorView::new(dtype, vec![len], data)?)));
        let file = views.into_iter().collect::<Result<Vec<_>, SafeTensorError>>();
        let file = file.and_then(|views| safetensors::serialize(views, None)).map_err(io::Error::other);
        file.and_then(|file| std::fs::write(path, file)).map_err(|source| NgramError::io("write", path, source))
    }

    /// Reads what [`save`](Self::save) wrote. A file that is cut short or altered is an error.
    pub fn load(path: &Path) -> Result<Self, NgramError> {
        let bytes = std::fs::read(path).map_err(|source| NgramError::io("read", path, source))?;
        Self::parse(&bytes).map_err(|problem| NgramError::Damaged { path: path.to_path_buf(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
        let data = |name: &str, dtype| match file.tensor(name) {
            Ok(tensor) if tensor.dtype() == dtype => Ok(tensor.data()),
            _ => Err(format!("no `{name}` of type {dtype:?}")),
        };
        let (keys, weights) = (data("keys", Dtype::U64)?, data("weights", Dtype::F16)?);
        let (bias, order) = (data("bias", Dtype::F32)?, data("order", Dtype::U64)?);
        if data("checksum", Dtype::U64)? != hash([keys, weights, bias, order]).to_le_bytes() {
            return Err("its contents do not match its checksum".to_owned());
        }
        let keys: Vec<u64> = numbers(keys, u64::from_le_bytes);
        let weights: Vec<f16> = numbers(weights, f16::from_le_bytes);
        let (bias, order) = (numbers(bias, f32::from_le_bytes), numbers(order, u64::from_le_bytes));
        let ([bias], [order]) = (bias.as_slice(), order.as_slice()) else {
            return Err("`bias` and `order` are not single numbers".to_owned());
        };
        if keys.len() != weights.len() || !keys.is_sorted_by(|a, b| a < b) {
            return Err("its keys are not in order, or not as many as its weights".to_owned());
        }
        if !bias.is_finite() || !weights.iter().all(|weight| weight.is_finite()) {
            return Err("a weight is not a finite number".to_owned());
        }
        let order = usize::try_from(*order).map_err(|error| format!("`order`: {error}"))?;
        Ok(Self { order, keys, weights, bias: *bias })
    }
}

/// The training texts as sets of n-grams.
struct Features {
    /// Hashes of the n-grams, ascending.
    keys: Vec<u64>,
    /// Naive-Bayes ratios of the n-grams, then that of the bias, 1.
    ratios: Vec<f64>,
    /// Of every text the n-grams it contains, as indices to `ratios`; the bias is in every text.
    texts: Vec<Vec<u32>>,
}

impl Features {
    fn of<S: AsRef<str>>(texts: &[Vec<S>], positive: &[bool], config: &NgramConfig) -> Self {
        let mut found: Vec<(u64, u32)> = Vec::new();
        for (index, tokens) in texts.iter().enumerate() {
            found.extend(places(tokens, config.order).map(|place| (place.key, index as u32)));
        }
        found.sort_unstable();
        found.dedup();

        let mut features = Self { keys: Vec::new(), ratios: Vec::new(), texts: vec![Vec::new(); texts.len()] };
        let mut counts: Vec<[u32; 2]> = Vec::new();
        for group in found.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() >= config.min_count as usize) {
            let mut count = [0; 2];
            for (_, text) in group {
                count[usize::from(positive[*text as usize])] += 1;
                features.texts[*text as usize].push(counts.len() as u32);
            }
            features.keys.push(group[0].0);
            counts.push(count);
        }
        features.texts.iter_mut().for_each(|text| text.push(counts.len() as u32));
        features.ratios = ratios(&counts, config.smoothing.get());
        features.ratios.push(1.0);
        features
    }
}

/// `ln((p / Σp) / (q / Σq))` from the numbers of `[negative, positive]` texts with each n-gram.
fn ratios(counts: &[[u32; 2]], smoothing: f64) -> Vec<f64> {
    let total = |side: usize| counts.iter().map(|count| f64::from(count[side]) + smoothing).sum::<f64>();
    let offset = total(0).ln() - total(1).ln();
    let log = |count: u32| (f64::from(count) + smoothing).ln();
    counts.iter().map(|[negative, positive]| log(*positive) - log(*negative) + offset).collect()
}

/// The weights `w = u r` of the regression, by coordinate descent on its dual problem
/// ([Yu, Huang & Lin 2011](https://doi.org/10.1007/s10994-010-5221-8)).
///
/// The dual has a variable `α` between 0 and `C` a text, and `u = Σ α y x`, `x` being the text's features. At the
/// minimum `α = C σ(−y f)`. Each step makes this true of one text; it is written in `t`, with `α = C σ(t)`, which has
/// no bounds and is −`y f` at the minimum.
fn regress(features: &Features, positive: &[bool], c: f64) -> Vec<f64> {
    // Weight and squared ratio side by side: they are always needed together, and the memory is what takes the time.
    let mut table: Vec<[f64; 2]> = features.ratios.iter().map(|ratio| [0.0, ratio * ratio]).collect();
    let mut dual = vec![f64::NEG_INFINITY; positive.len()];
    let mut order: Vec<usize> = (0..positive.len()).collect();
    for pass in 0..MAX_PASSES {
        // A new order every pass, by hash, as descent is slow when texts of one kind follow one another.
        order.sort_by_cached_key(|index| hash([&pass.to_le_bytes(), &(*index as u64).to_le_bytes()]));
        let mut worst = 0.0f64;
        for &index in &order {
            let sign = if positive[index] { 1.0 } else { -1.0 };
            let text = &features.texts[index];
            let rows = text.iter().map(|feature| table[*feature as usize]);
            let [odds, norm] = rows.fold([0.0; 2], |sum, row| [sum[0] + row[0], sum[1] + row[1]]);
            let (old, margin) = (dual[index], sign * odds);
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
    table.into_iter().map(|[weight, _]| weight).collect()
}

/// The root `t` of the increasing function `t + margin + scale (σ(t) − σ(old))`, by Newton's method kept in a bracket.
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

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Where an n-gram stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: u64,
    start: usize,
    length: usize,
}

fn same_ngram(a: &Place, b: &Place) -> bool {
    a.key == b.key
}

/// All n-grams of a text, repeated ones too.
fn places<S: AsRef<str>>(tokens: &[S], order: usize) -> impl Iterator<Item = Place> {
    (0..tokens.len()).flat_map(move |start| {
        let hashes = tokens[start..].iter().take(order).scan(FNV_OFFSET, |key, token| {
            // No UTF-8 text contains 0xff: it keeps the tokens apart.
            *key = fnv(fnv(*key, token.as_ref().as_bytes()), &[0xff]);
            Some(*key)
        });
        hashes.zip(1..).map(move |(key, length)| Place { key, start, length })
    })
}

/// The same by hash, so that the places of an n-gram follow one another.
fn sorted_places<S: AsRef<str>>(tokens: &[S], order: usize) -> Vec<Place> {
    let mut places: Vec<Place> = places(tokens, order).collect();
    places.sort_unstable();
    places
}

/// Continues an FNV-1a hash of 64 bits. Not the standard library's hash, which may change: this one stands in files.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn hash<const N: usize>(parts: [&[u8]; N]) -> u64 {
    parts.into_iter().fold(FNV_OFFSET, fnv)
}

fn numbers<T, const N: usize>(bytes: &[u8], from_le_bytes: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| from_le_bytes(*bytes)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    fn config(order: usize, c: f64) -> NgramConfig {
        NgramConfig { order, min_count: 1, c: Positive::try_from(c).unwrap(), ..NgramConfig::default() }
    }

    fn key(text: &str) -> u64 {
        places(&words(text), usize::MAX)
            .map(|place| (place.length, place.key))
            .max_by_key(|(length, _)| *length)
            .unwrap()
            .1
    }

    /// Four small reviews, two of each kind.
    fn reviews() -> ([Vec<&'static str>; 4], [bool; 4]) {
        let texts = ["a fine film", "a dull film", "fine , very fine", "very dull indeed"].map(words);
        (texts, [true, false, true, false])
    }

    fn fitted() -> NgramClassifier {
        let (texts, positive) = reviews();
        NgramClassifier::fit(&texts, &positive, &config(3, 1.0))
    }

    #[test]
    fn ratios_are_those_computed_by_hand() {
        let texts = ["good film good", "good", "bad film"].map(words);
        let features = Features::of(&texts, &[true, true, false], &config(1, 1.0));
        // Positive counts plus 1: good 3, film 2, bad 1, together 6. Negative: 1, 2, 2, together 5.
        for (word, odds) in [("good", 2.5), ("film", 5.0 / 6.0), ("bad", 5.0 / 12.0)] {
            let index = features.keys.binary_search(&key(word)).unwrap();
            assert_abs_diff_eq!(features.ratios[index], f64::ln(odds), epsilon = 1e-12);
        }
        assert_eq!(features.texts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 3], "with the bias");

        let frequent = NgramConfig { min_count: 2, ..config(1, 1.0) };
        assert_eq!(Features::of(&texts, &[true, true, false], &frequent).keys.len(), 2);
    }

    /// Of the texts `a` and `b` alone the ratios are ±ln 2 and the weights ±w, with `w (1 + eʷ) = C ln² 2`.
    #[test]
    fn weights_are_those_computed_by_hand() {
        let c = (1.0 + 1f64.exp()) / 2f64.ln().powi(2);
        let classifier = NgramClassifier::fit(&[["a"], ["b"]].map(Vec::from), &[true, false], &config(1, c));
        assert_abs_diff_eq!(classifier.logit(&["a"]), 1.0, epsilon = 2e-3);
        assert_abs_diff_eq!(classifier.logit(&["b", "b"]), -1.0, epsilon = 2e-3);
        assert_abs_diff_eq!(classifier.probability(&["unknown"]), 0.5, epsilon = 1e-3);
        assert_abs_diff_eq!(classifier.probability(&["a"]), 0.731, epsilon = 1e-3);
    }

    /// At the minimum the gradient `u − C Σ y σ(−y f) r` is zero.
    #[test]
    fn regression_ends_at_the_minimum() {
        let (texts, positive) = reviews();
        for c in [0.1, 1.0, 30.0] {
            let features = Features::of(&texts, &positive, &config(3, c));
            let weights = regress(&features, &positive, c);
            let pull = |text: &Vec<u32>, positive: bool| {
                let odds: f64 = text.iter().map(|index| weights[*index as usize]).sum();
                c * if positive { sigmoid(-odds) } else { -sigmoid(odds) }
            };
            for (index, ratio) in features.ratios.iter().enumerate().filter(|(_, ratio)| **ratio != 0.0) {
                let with = iter::zip(&features.texts, positive).filter(|(text, _)| text.contains(&(index as u32)));
                let gradient = weights[index] / ratio - with.map(|(text, sign)| pull(text, sign) * ratio).sum::<f64>();
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
    fn bigrams_tell_what_words_cannot() {
        let texts = ["not good", "good not", "bad never", "never bad"].map(words);
        let positive = [false, true, true, false];
        let odds = |order| {
            let classifier = NgramClassifier::fit(&texts, &positive, &config(order, 10.0));
            texts.clone().map(|text| classifier.logit(&text))
        };
        assert_eq!(odds(2).map(|odds| odds > 0.5), positive);
        assert_eq!(odds(2).map(|odds| odds > -0.5), positive);
        let [a, same_as_a, b, same_as_b] = odds(1);
        assert_eq!((a, b), (same_as_a, same_as_b));
    }

    #[test]
    fn contributions_add_up_to_the_log_odds() {
        let classifier = fitted();
        let text = words("a fine , fine film , unheard");
        let shares = classifier.contributions(&text);
        assert_abs_diff_eq!(classifier.bias() + shares.iter().sum::<f32>(), classifier.logit(&text), epsilon = 1e-5);
        assert!(shares[1] > 0.0 && shares[6] == 0.0, "{shares:?}");

        // A repeated word has its weight once, in equal shares.
        let single = NgramClassifier::fit(&[["a"], ["b"]].map(Vec::from), &[true, false], &config(1, 1.0));
        assert_eq!(
            single.contributions(&["a", "c", "a"]),
            [single.weight(key("a")) / 2.0, 0.0, single.weight(key("a")) / 2.0]
        );
        assert!(classifier.contributions::<&str>(&[]).is_empty());
        assert_eq!(classifier.logit::<&str>(&[]), classifier.bias());
    }

    #[test]
    fn pruning_keeps_the_largest_weights() {
        let weights = [0.5, -2.0, 0.0, 1.0, -0.5].map(f16::from_f32).to_vec();
        let full = NgramClassifier { order: 1, keys: vec![1, 2, 3, 4, 5], weights, bias: 0.25 };
        let pruned = full.clone().prune(3);
        assert_eq!((pruned.keys.as_slice(), pruned.weight(2), pruned.bias), (&[1, 2, 4][..], -2.0, 0.25));
        assert_eq!(full.clone().prune(9), full);
        assert!(full.prune(0).is_empty());

        let (texts, positive) = reviews();
        let keep = Some(Count::try_from(2).unwrap());
        let kept = NgramClassifier::fit(&texts, &positive, &NgramConfig { keep, ..config(3, 1.0) });
        assert_eq!(kept, fitted().prune(2));
    }

    #[test]
    fn nothing_to_learn_from_gives_even_odds() {
        let nothing = NgramClassifier::fit::<&str>(&[], &[], &NgramConfig::default());
        assert_eq!(nothing.probability(&["word"]), 0.5);
        let silent = NgramClassifier::fit::<&str>(&[vec![], vec![]], &[true, false], &config(3, 1.0));
        assert_abs_diff_eq!(silent.logit(&["word"]), 0.0, epsilon = 5e-3);
    }

    /// Files hold these hashes: they must never change.
    #[test]
    fn hashes_are_fnv_1a() {
        assert_eq!(
            [&b""[..], b"a", b"foobar"].map(|bytes| fnv(FNV_OFFSET, bytes)),
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
        assert_eq!(key("ab c"), fnv(FNV_OFFSET, b"ab\xffc\xff"));
    }

    #[test]
    fn it_comes_back_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ngrams.safetensors");
        for classifier in [fitted(), NgramClassifier::fit::<&str>(&[], &[], &config(2, 1.0))] {
            classifier.save(&path).unwrap();
            assert_eq!(NgramClassifier::load(&path).unwrap(), classifier);
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ngrams.safetensors");
        let classifier = fitted();
        classifier.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            NgramClassifier::parse(&whole[..end]).unwrap_err();
            let mut altered = whole.clone();
            altered[end] ^= 1;
            NgramClassifier::parse(&altered).unwrap_err();
        }

        let keys = classifier.keys.iter().rev().copied().collect();
        let unsorted = NgramClassifier { keys, ..classifier.clone() };
        let infinite = NgramClassifier { bias: f32::INFINITY, ..classifier };
        for (wrong, why) in [(unsorted, "not in order"), (infinite, "not a finite number")] {
            wrong.save(&path).unwrap();
            let error = NgramClassifier::load(&path).unwrap_err().to_string();
            assert!(error.contains("ngrams.safetensors") && error.contains(why), "{error}");
        }

        let missing = dir.path().join("missing").join("ngrams.safetensors");
        assert!(matches!(NgramClassifier::load(&missing), Err(NgramError::Io { action: "read", .. })));
        assert!(matches!(fitted().save(&missing), Err(NgramError::Io { action: "write", .. })));
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
    fn damaged_models_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ngrams.safetensors");
        let (texts, signs) = reviews();
        NgramClassifier::fit(&texts, &signs, &config(2, 1.0)).save(&path).unwrap();
        crate::damage::try_damaged(&std::fs::read(&path).unwrap(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = NgramClassifier::load(&path);
        });
    }
}
