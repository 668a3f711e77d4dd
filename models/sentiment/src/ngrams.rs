//! The n-gram classifier: a linear model with one weight for each n-gram of a text, such as a word or a pair of words.
//!
//! The method is from [Wang & Manning 2012](https://aclanthology.org/P12-2018/), "Baselines and Bigrams: Simple, Good
//! Sentiment and Topic Classification", but with logistic regression instead of a support vector machine, so that the
//! scores are logits. The module `train::ngrams` (feature `train`) fits the weights. A model of more than two classes
//! has one logistic regression per class (one against the rest), so each n-gram has one weight per class.
//!
//! A text is the set of n-grams (runs of 1 to `order` tokens) that it contains; repetitions do not count. N-grams are
//! stored as 64-bit hashes. A corpus of reviews has a few million n-grams, and the probability that at least two of
//! them share a hash is about one in a million.

pub(crate) mod hash;

use std::iter;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use self::hash::{Position, hash, positions};

/// The largest number of words of an n-gram.
pub(crate) const MAX_ORDER: usize = 16;

/// Classifies texts by the n-grams that they contain.
#[derive(Clone, Debug, PartialEq)]
pub struct NgramClassifier {
    /// The length of the longest n-grams, in tokens.
    pub(crate) order: usize,
    /// Hashes of the n-grams, strictly ascending.
    pub(crate) keys: Vec<u64>,
    /// The weights of each n-gram, `[n-grams, outputs]`: the values that the n-gram adds to the logits. They are stored
    /// in half precision, with about three significant digits.
    pub(crate) weights: Vec<f16>,
    /// The logits of a text without any known n-gram, `[outputs]`.
    pub(crate) bias: Vec<f32>,
}

impl NgramClassifier {
    /// Keeps the `count` n-grams with the largest absolute weights, and removes all others. If an n-gram has several
    /// weights, its largest absolute weight counts. The bias does not change.
    #[must_use]
    pub fn prune(self, count: usize) -> Self {
        let largest = |weights: &[f16]| weights.iter().map(|weight| weight.to_f32().abs()).fold(0.0, f32::max);
        let mut entries: Vec<(u64, &[f16])> = iter::zip(self.keys, self.weights.chunks(self.bias.len())).collect();
        // N-grams with equal weights are sorted by hash, so that the result does not depend on the sorting algorithm.
        entries.sort_unstable_by(|(key, weights), (other_key, others)| {
            largest(others).total_cmp(&largest(weights)).then(key.cmp(other_key))
        });
        entries.truncate(count);
        entries.sort_unstable_by_key(|(key, _)| *key);
        let keys = entries.iter().map(|(key, _)| *key).collect();
        let weights = entries.into_iter().flat_map(|(_, weights)| weights.to_vec()).collect();
        Self { keys, weights, bias: self.bias, order: self.order }
    }

    /// The number of logits.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The number of n-grams with weights.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no n-gram has a weight.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Computes the logits of a text: the sum of the bias and the weights of all n-grams of the text. An n-gram that
    /// occurs several times counts once.
    pub fn logits<S: AsRef<str>>(&self, tokens: &[S]) -> Vec<f32> {
        let positions = sorted_positions(tokens, self.order);
        let mut sums = vec![0.0; self.outputs()];
        for group in positions.chunk_by(same_ngram) {
            sums.iter_mut().zip(self.weights_of(group[0].key)).for_each(|(sum, weight)| *sum += weight.to_f32());
        }
        iter::zip(&self.bias, sums).map(|(bias, sum)| bias + sum).collect()
    }

    /// Computes the contribution of each token to the logit with the index `output`. The contributions and the
    /// [`bias`](Self::bias) of this logit add up to the logit. The weight of an n-gram is divided equally among the
    /// tokens of all its occurrences.
    pub fn contributions<S: AsRef<str>>(&self, tokens: &[S], output: usize) -> Vec<f32> {
        let mut shares = vec![0.0; tokens.len()];
        for group in sorted_positions(tokens, self.order).chunk_by(same_ngram) {
            let share = self.weight(group[0].key, output) / (group.len() * group[0].length) as f32;
            for position in group {
                shares[position.start..position.start + position.length].iter_mut().for_each(|sum| *sum += share);
            }
        }
        shares
    }

    /// The logits of a text without any known n-gram.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Whether the classifier has weights for this word, as an n-gram of one token.
    pub fn knows(&self, token: &str) -> bool {
        positions(&[token], self.order).any(|position| self.keys.binary_search(&position.key).is_ok())
    }

    /// The weights of the n-gram with the hash `key`, one per logit. The slice is empty if the classifier does not have
    /// this n-gram.
    fn weights_of(&self, key: u64) -> &[f16] {
        let outputs = self.outputs();
        self.keys.binary_search(&key).map_or(&[], |index| &self.weights[index * outputs..][..outputs])
    }

    fn weight(&self, key: u64, output: usize) -> f32 {
        self.weights_of(key).get(output).map_or(0.0, |weight| weight.to_f32())
    }

    /// The content of a safetensors file with these tensors:
    ///
    /// - `keys` (u64): the hash of each n-gram
    /// - `weights` (f16): one value per n-gram and logit
    /// - `bias` (f32): one value per logit
    /// - `order` (u64): the length of the longest n-grams
    /// - `checksum` (u64): a hash of the other tensors
    ///
    /// # Errors
    ///
    /// Returns the message of the safetensors library if the library cannot write the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let keys: Vec<u8> = self.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let weights: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let bias: Vec<u8> = self.bias.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        let order = (self.order as u64).to_le_bytes();
        let checksum = hash([&keys, &weights, &bias, &order]).to_le_bytes();
        let tensors = [
            ("keys", Dtype::U64, self.len(), keys.as_slice()),
            ("weights", Dtype::F16, self.weights.len(), &weights),
            ("bias", Dtype::F32, self.outputs(), &bias),
            ("order", Dtype::U64, 1, &order),
            ("checksum", Dtype::U64, 1, &checksum),
        ];
        let views = tensors.map(|(name, dtype, len, data)| Ok((name, TensorView::new(dtype, vec![len], data)?)));
        let views = views.into_iter().collect::<Result<Vec<_>, SafeTensorError>>();
        views.and_then(|views| safetensors::serialize(views, None)).map_err(|error| error.to_string())
    }

    /// Reads a classifier from the bytes that [`to_bytes`](Self::to_bytes) has returned.
    ///
    /// # Errors
    ///
    /// If the bytes are truncated or were altered. The message says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
        let data = |name: &str, dtype| match file.tensor(name) {
            Ok(tensor) if tensor.dtype() == dtype => Ok(tensor.data()),
            _ => Err(format!("there is no tensor `{name}` of type {dtype:?}")),
        };
        let (keys, weights) = (data("keys", Dtype::U64)?, data("weights", Dtype::F16)?);
        let (bias, order) = (data("bias", Dtype::F32)?, data("order", Dtype::U64)?);
        if data("checksum", Dtype::U64)? != hash([keys, weights, bias, order]).to_le_bytes() {
            return Err("the content does not match its checksum".to_owned());
        }
        let keys: Vec<u64> = numbers(keys, u64::from_le_bytes);
        let weights: Vec<f16> = numbers(weights, f16::from_le_bytes);
        let (bias, order) = (numbers(bias, f32::from_le_bytes), numbers(order, u64::from_le_bytes));
        let [order] = order.as_slice() else { return Err("`order` must have exactly one value".to_owned()) };
        if bias.is_empty()
            || keys.len().checked_mul(bias.len()) != Some(weights.len())
            || !keys.is_sorted_by(|a, b| a < b)
        {
            return Err(
                "the tensors do not fit together: `keys` must be strictly ascending, `bias` must have one value \
                        per logit (at least one), and `weights` must have one value per key and logit"
                    .to_owned(),
            );
        }
        if !bias.iter().all(|bias| bias.is_finite()) || !weights.iter().all(|weight| weight.is_finite()) {
            return Err("`weights` or `bias` has a value that is not finite".to_owned());
        }
        let order = usize::try_from(*order).unwrap_or(usize::MAX);
        if !(1..=MAX_ORDER).contains(&order) {
            return Err(format!("`order` is {order}, but must be from 1 to {MAX_ORDER}"));
        }
        Ok(Self { order, keys, weights, bias })
    }
}

fn same_ngram(a: &Position, b: &Position) -> bool {
    a.key == b.key
}

/// All n-grams of a text, sorted by hash, so that the positions of one n-gram are adjacent.
fn sorted_positions<S: AsRef<str>>(tokens: &[S], order: usize) -> Vec<Position> {
    let mut positions: Vec<Position> = positions(tokens, order).collect();
    positions.sort_unstable();
    positions
}

fn numbers<T, const N: usize>(bytes: &[u8], from_le_bytes: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| from_le_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn key(tokens: &[&str]) -> u64 {
        positions(tokens, usize::MAX).max_by_key(|position| position.length).unwrap().key
    }

    /// Weights of some n-grams of one and two tokens.
    fn classifier() -> NgramClassifier {
        let mut entries =
            [(key(&["fine"]), 1.5), (key(&["a"]), 0.25), (key(&["fine", "film"]), -0.5), (key(&["dull"]), -2.0)];
        entries.sort_unstable_by_key(|(key, _)| *key);
        let (keys, weights) = entries.into_iter().map(|(key, weight)| (key, f16::from_f32(weight))).unzip();
        NgramClassifier { order: 2, keys, weights, bias: vec![0.125] }
    }

    #[test]
    fn an_ngram_counts_once() {
        let fine = classifier().logits(&["fine"]);
        assert_eq!(fine, [1.625]);
        assert_eq!(classifier().logits(&["fine", "unheard", "fine"]), fine);
        assert_eq!(classifier().logits(&["fine", "film"]), [1.125]);
        assert_eq!(classifier().logits::<&str>(&[]), classifier().bias());
        assert!(classifier().knows("dull") && !classifier().knows("film"));
    }

    #[test]
    fn contributions_add_up_to_the_logit() {
        let text = ["a", "fine", ",", "fine", "film", ",", "unheard"];
        let shares = classifier().contributions(&text, 0);
        let sum = classifier().bias()[0] + shares.iter().sum::<f32>();
        assert_abs_diff_eq!(sum, classifier().logits(&text)[0], epsilon = 1e-5);
        assert_eq!(shares, [0.25, 0.75, 0.0, 0.5, -0.25, 0.0, 0.0]);
        assert!(classifier().contributions::<&str>(&[], 0).is_empty());
    }

    #[test]
    fn pruning_keeps_the_largest_weights() {
        let weights = [0.5, -2.0, 0.0, 1.0, -0.5].map(f16::from_f32).to_vec();
        let full = NgramClassifier { order: 1, keys: vec![1, 2, 3, 4, 5], weights, bias: vec![0.25] };
        let pruned = full.clone().prune(3);
        assert_eq!((pruned.keys.as_slice(), pruned.weight(2, 0), pruned.bias), (&[1, 2, 4][..], -2.0, vec![0.25]));
        assert_eq!(full.clone().prune(9), full);
        assert!(full.prune(0).is_empty());
    }

    /// Weights of two n-grams for three classes.
    fn of_three_classes() -> NgramClassifier {
        let mut keys = vec![key(&["who"]), key(&["where"])];
        keys.sort_unstable();
        let of = |key_: &u64| if *key_ == key(&["who"]) { [2.0, -1.0, -0.5] } else { [-1.0, 0.25, 3.0] };
        let weights = keys.iter().flat_map(of).map(f16::from_f32).collect();
        NgramClassifier { order: 1, keys, weights, bias: vec![0.0, 0.5, 0.0] }
    }

    #[test]
    fn each_class_has_its_weights() {
        let classifier = of_three_classes();
        assert_eq!(classifier.logits(&["who"]), [2.0, -0.5, -0.5]);
        assert_eq!(classifier.logits(&["where", "who"]), [1.0, -0.25, 2.5]);
        assert_eq!(classifier.contributions(&["where", "who"], 2), [3.0, -0.5]);
        assert_eq!(classifier.prune(1).logits(&["where", "who"]), [-1.0, 0.75, 3.0]);
    }

    #[test]
    fn it_returns_from_its_bytes() {
        for classifier in [classifier(), classifier().prune(0), of_three_classes()] {
            assert_eq!(NgramClassifier::parse(&classifier.to_bytes().unwrap()).unwrap(), classifier);
        }
    }

    #[test]
    fn damaged_bytes_are_errors() {
        let whole = classifier().to_bytes().unwrap();
        for end in 0..whole.len() {
            NgramClassifier::parse(&whole[..end]).unwrap_err();
            let mut altered = whole.clone();
            altered[end] ^= 1;
            NgramClassifier::parse(&altered).unwrap_err();
        }
        test_support::try_damaged(&whole, |bytes| {
            let _ = NgramClassifier::parse(bytes);
        });
    }

    #[test]
    fn invalid_contents_are_errors() {
        let keys = classifier().keys.iter().rev().copied().collect();
        let unsorted = NgramClassifier { keys, ..classifier() };
        let infinite = NgramClassifier { bias: vec![f32::INFINITY], ..classifier() };
        for wrong in [unsorted, infinite] {
            NgramClassifier::parse(&wrong.to_bytes().unwrap()).unwrap_err();
        }
    }
}
