//! Naive-Bayes-weighted n-grams: logistic regression on which words, pairs and triples of words a text contains, each
//! weighted by how much more often it stands in favourable than in unfavourable texts.
//!
//! [Wang & Manning 2012](https://aclanthology.org/P12-2018/), "Baselines and Bigrams", with logistic regression in the
//! place of the support vector machine, as [Mesnil et al. 2014](https://arxiv.org/abs/1412.5335) have it. Hard to beat by
//! a network that learns from labelled reviews alone, and therefore printed beside every one.
//!
//! With `p` and `q` the counts of favourable and unfavourable texts that contain an n-gram, plus 1, its weight is
//! `r = ln((p / Σp) / (q / Σq))`. A text is the vector of the `r` of its n-grams. Regression finds the coefficients `u`
//! that minimise `½‖u‖² + C·Σ ln(1 + exp(−y·f))`, where `y` is the sign and `f = Σ u·r` the log-odds, by coordinate
//! descent on the dual problem ([Yu, Huang & Lin 2011](https://doi.org/10.1007/s10994-010-5221-8)).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;

use half::f16;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use training::settings::Positive;

/// Passes over the texts after which descent ends if it has not converged before.
const MAX_PASSES: usize = 60;
/// Converged when no dual variable moved by more than this share of its range.
const TOLERANCE: f64 = 1e-3;
/// Order of the n-grams.
const ORDER: usize = 3;

/// `[model.ngrams]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgramConfig {
    /// N-grams in fewer texts than this are left out.
    pub min_count: u32,
    /// Weight of the errors against the size of the coefficients, C.
    pub c: Positive,
    /// Only this many n-grams are kept, those with the largest weights; all if absent. Each takes 10 bytes on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<NonZeroUsize>,
}

impl Default for NgramConfig {
    /// What the baseline uses: n-grams seen twice or more, all of them.
    fn default() -> Self {
        Self { min_count: 2, c: Positive::ONE, keep: None }
    }
}

/// Why a file of n-grams cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}; export the package again", path.display())]
pub struct NgramFileError {
    path: std::path::PathBuf,
    message: String,
}

/// Which n-grams count how much for a favourable review.
#[derive(Clone, Debug, PartialEq)]
pub struct NgramClassifier {
    /// Hashes of the n-grams, ascending.
    keys: Vec<u64>,
    /// Their weights, `u·r`.
    weights: Vec<f16>,
    /// The log-odds of a text without known n-grams.
    bias: f32,
}

impl NgramClassifier {
    /// Learns from tokenised texts and their signs. The same for any number of threads.
    ///
    /// # Panics
    ///
    /// If there are not as many signs as texts.
    pub fn fit(texts: &[Vec<String>], positive: &[bool], config: &NgramConfig) -> Self {
        assert_eq!(texts.len(), positive.len(), "a sign for every text");
        let rows: Vec<Vec<u64>> = texts.par_iter().map(|text| distinct_ngrams(text)).collect();
        let features = Features::count(&rows, positive, config.min_count);
        let rows: Vec<Vec<u32>> = rows.into_par_iter().map(|row| features.indices(&row)).collect();
        let (coefficients, bias) = regress(&rows, positive, &features.ratios, config.c.get());
        let weights = coefficients.iter().zip(&features.ratios).map(|(u, r)| f16::from_f64(u * r)).collect();
        let all = Self { keys: features.keys, weights, bias: bias as f32 };
        match config.keep {
            Some(keep) => all.prune(keep.get()),
            None => all,
        }
    }

    /// Keeps the `count` n-grams with the largest weights.
    pub fn prune(mut self, count: usize) -> Self {
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        let size = |index: &usize| self.weights[*index].to_f32().abs();
        order.sort_unstable_by(|a, b| size(b).total_cmp(&size(a)).then(self.keys[*a].cmp(&self.keys[*b])));
        order.truncate(count);
        order.sort_unstable();
        self.weights = order.iter().map(|index| self.weights[*index]).collect();
        self.keys = order.iter().map(|index| self.keys[*index]).collect();
        self
    }

    /// The log-odds that a text is favourable.
    pub fn logit(&self, text: &[String]) -> f32 {
        self.bias + distinct_ngrams(text).into_iter().map(|key| self.weight(key)).sum::<f32>()
    }

    /// How much each word adds to the log-odds: every n-gram's weight in equal shares to the words it is made of (at all
    /// the places where it stands). Together with the bias they add up to [`logit`](Self::logit).
    pub fn contributions(&self, text: &[String]) -> Vec<f32> {
        let mut places: HashMap<u64, Vec<std::ops::Range<usize>>> = HashMap::new();
        for (key, place) in ngrams(text) {
            places.entry(key).or_default().push(place);
        }
        let mut shares = vec![0.0; text.len()];
        for (key, places) in places {
            let share = self.weight(key) / places.iter().map(|place| place.len()).sum::<usize>() as f32;
            places.into_iter().flatten().for_each(|word| shares[word] += share);
        }
        shares
    }

    /// How many n-grams have a weight.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no n-gram has a weight.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn weight(&self, key: u64) -> f32 {
        self.keys.binary_search(&key).map_or(0.0, |index| self.weights[index].to_f32())
    }

    /// Writes a safetensors file: `keys` (64 bits each), `weights` (16 bits each) and `bias`.
    pub fn save(&self, path: &Path) -> Result<(), NgramFileError> {
        let error = |message: String| NgramFileError { path: path.to_path_buf(), message };
        let keys: Vec<u8> = self.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let weights: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let count = vec![self.len()];
        let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).map_err(|e| error(e.to_string()));
        let bias = self.bias.to_le_bytes();
        let tensors = [
            ("keys", view(Dtype::U64, count.clone(), &keys)?),
            ("weights", view(Dtype::F16, count, &weights)?),
            ("bias", view(Dtype::F32, vec![1], &bias)?),
        ];
        safetensors::serialize_to_file(tensors, None, path).map_err(|e| error(e.to_string()))
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Self, NgramFileError> {
        let error = |message: String| NgramFileError { path: path.to_path_buf(), message };
        let bytes = std::fs::read(path).map_err(|e| error(e.to_string()))?;
        let file =
            SafeTensors::deserialize(&bytes).map_err(|e| error(format!("is not a whole safetensors file ({e})")))?;
        let tensor = |name: &str, dtype| match file.tensor(name) {
            Ok(tensor) if tensor.dtype() == dtype => Ok(tensor),
            _ => Err(error(format!("has no `{name}` of type {dtype:?}"))),
        };
        let (keys, weights) = (tensor("keys", Dtype::U64)?, tensor("weights", Dtype::F16)?);
        let bias = tensor("bias", Dtype::F32)?;
        let keys: Vec<u64> = keys.data().as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let weights: Vec<f16> = weights.data().as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
        let bias = bias.data().as_chunks().0.first().map(|bytes| f32::from_le_bytes(*bytes));
        match bias {
            Some(bias) if keys.len() == weights.len() && keys.is_sorted() => Ok(Self { keys, weights, bias }),
            _ => Err(error("has keys that are out of order or without weights".to_owned())),
        }
    }
}

/// The n-grams of the training texts, with their naive-Bayes ratios.
struct Features {
    keys: Vec<u64>,
    ratios: Vec<f64>,
}

impl Features {
    fn count(rows: &[Vec<u64>], positive: &[bool], min_count: u32) -> Self {
        let mut seen: Vec<(u64, bool)> =
            rows.iter().zip(positive).flat_map(|(row, sign)| row.iter().map(|key| (*key, *sign))).collect();
        seen.par_sort_unstable();
        let counts: Vec<(u64, [f64; 2])> = seen
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|group| group.len() >= min_count as usize)
            .map(|group| {
                let favourable = group.iter().filter(|(_, sign)| *sign).count();
                (group[0].0, [favourable as f64 + 1.0, (group.len() - favourable) as f64 + 1.0])
            })
            .collect();
        let total = |side: usize| counts.iter().map(|(_, count)| count[side]).sum::<f64>();
        let (p, q) = (total(0), total(1));
        let ratios = counts.iter().map(|(_, count)| ((count[0] / p) / (count[1] / q)).ln()).collect();
        Self { keys: counts.into_iter().map(|(key, _)| key).collect(), ratios }
    }

    fn indices(&self, row: &[u64]) -> Vec<u32> {
        row.iter().filter_map(|key| self.keys.binary_search(key).ok()).map(|index| index as u32).collect()
    }
}

/// Logistic regression by dual coordinate descent: the coefficients and the bias, which is one more coefficient, of a
/// feature that is always 1.
fn regress(rows: &[Vec<u32>], positive: &[bool], ratios: &[f64], c: f64) -> (Vec<f64>, f64) {
    let signs: Vec<f64> = positive.iter().map(|positive| if *positive { 1.0 } else { -1.0 }).collect();
    let norms: Vec<f64> =
        rows.iter().map(|row| 1.0 + row.iter().map(|index| ratios[*index as usize].powi(2)).sum::<f64>()).collect();
    // Dual variables, between 0 and C. Small at first: descent is then quick.
    let mut alphas = vec![c * 1e-3; rows.len()];
    let mut coefficients = vec![0.0; ratios.len()];
    let mut bias = 0.0;
    for ((row, sign), alpha) in rows.iter().zip(&signs).zip(&alphas) {
        move_along(row, ratios, sign * alpha, &mut coefficients, &mut bias);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for _ in 0..MAX_PASSES {
        order.shuffle(&mut rng);
        let mut largest = 0.0f64;
        for &text in &order {
            let row = &rows[text];
            let odds = bias + row.iter().map(|i| coefficients[*i as usize] * ratios[*i as usize]).sum::<f64>();
            let alpha = minimum_along(alphas[text], norms[text], signs[text] * odds, c);
            let step = alpha - alphas[text];
            move_along(row, ratios, signs[text] * step, &mut coefficients, &mut bias);
            alphas[text] = alpha;
            largest = largest.max(step.abs() / c);
        }
        if largest < TOLERANCE {
            break;
        }
    }
    (coefficients, bias)
}

fn move_along(row: &[u32], ratios: &[f64], step: f64, coefficients: &mut [f64], bias: &mut f64) {
    row.iter().for_each(|index| coefficients[*index as usize] += step * ratios[*index as usize]);
    *bias += step;
}

/// Where the dual objective is least along one variable, now `alpha`: the root z of the increasing function
/// `norm·(z − alpha) + margin + ln(z / (C − z))` between 0 and C. Newton's method in `t = ln(z / (C − z))`, in which the
/// function is nearly linear, kept inside a bracket.
fn minimum_along(alpha: f64, norm: f64, margin: f64, c: f64) -> f64 {
    let z = |t: f64| c / (1.0 + (-t).exp());
    let value = |t: f64| norm * (z(t) - alpha) + margin + t;
    // At these ends the function is at most, and at least, zero.
    let (mut low, mut high) = (-margin - norm * (c - alpha), -margin + norm * alpha);
    let mut t = (alpha / (c - alpha)).ln().clamp(low, high);
    for _ in 0..50 {
        let error = value(t);
        if error.abs() < 1e-9 {
            break;
        }
        if error > 0.0 {
            high = t
        } else {
            low = t
        }
        let slope = norm * z(t) * (c - z(t)) / c + 1.0;
        let newton = t - error / slope;
        t = if (low..=high).contains(&newton) { newton } else { (low + high) / 2.0 };
    }
    z(t).clamp(c * 1e-12, c * (1.0 - 1e-12))
}

/// The n-grams of a text by hash, each with the words it is made of.
fn ngrams(text: &[String]) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    (0..text.len()).flat_map(move |start| {
        let longest = ORDER.min(text.len() - start);
        (1..=longest).map(move |length| (hash(&text[start..start + length]), start..start + length))
    })
}

fn distinct_ngrams(text: &[String]) -> Vec<u64> {
    let mut keys: Vec<u64> = ngrams(text).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// FNV-1a of 64 bits over the words, each ended by a byte that no UTF-8 text contains. Stable, as it stands in files.
fn hash(words: &[String]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn config(min_count: u32, c: f64) -> NgramConfig {
        NgramConfig { min_count, c: Positive::try_from(c).unwrap(), keep: None }
    }

    #[test]
    fn ratios_are_those_computed_by_hand() {
        let rows =
            vec![distinct_ngrams(&words("good")), distinct_ngrams(&words("good")), distinct_ngrams(&words("bad"))];
        let features = Features::count(&rows, &[true, true, false], 1);
        let ratio = |word| features.ratios[features.indices(&[hash(&words(word))])[0] as usize];
        // p = (good 3, bad 1) of 4, q = (good 1, bad 2) of 3.
        approx::assert_relative_eq!(ratio("good"), (0.75f64 / (1.0 / 3.0)).ln(), epsilon = 1e-12);
        approx::assert_relative_eq!(ratio("bad"), (0.25f64 / (2.0 / 3.0)).ln(), epsilon = 1e-12);
        assert_eq!(Features::count(&rows, &[true, true, false], 2).keys.len(), 1);
    }

    /// At the minimum the gradient `u − C·Σ y·σ(−y·f)·x` is zero.
    #[test]
    fn regression_ends_at_the_minimum() {
        let rows = vec![vec![0, 1], vec![1, 2], vec![0, 2], vec![2], vec![0]];
        let positive = [true, false, true, false, true];
        let (ratios, c) = ([1.5, -0.5, -1.0], 2.0);
        let (u, bias) = regress(&rows, &positive, &ratios, c);
        let mut gradient: Vec<f64> = u.iter().copied().chain([bias]).collect();
        for (row, positive) in rows.iter().zip(positive) {
            let y = if positive { 1.0 } else { -1.0 };
            let f = bias + row.iter().map(|i| u[*i as usize] * ratios[*i as usize]).sum::<f64>();
            let pull = c * y / (1.0 + (y * f).exp());
            row.iter().for_each(|i| gradient[*i as usize] -= pull * ratios[*i as usize]);
            gradient[3] -= pull;
        }
        assert!(gradient.iter().all(|slope| slope.abs() < 0.02), "{gradient:?}");
        assert!(u.iter().any(|u| u.abs() > 0.1), "{u:?}");
    }

    #[test]
    fn pairs_of_words_tell_what_single_words_cannot() {
        let texts = ["not good", "good not", "bad never", "never bad"].map(words).to_vec();
        let positive = [false, true, true, false];
        let classifier = NgramClassifier::fit(&texts, &positive, &config(1, 10.0));
        for (text, positive) in texts.iter().zip(positive) {
            assert_eq!(classifier.logit(text) > 0.0, positive, "{text:?}");
        }
    }

    fn fitted() -> (NgramClassifier, Vec<String>) {
        let texts = ["a fine film", "a dull film", "fine , very fine", "very dull indeed"].map(words).to_vec();
        (NgramClassifier::fit(&texts, &[true, false, true, false], &config(1, 1.0)), words("a fine , fine film , new"))
    }

    #[test]
    fn contributions_add_up_to_the_log_odds() {
        let (classifier, text) = fitted();
        let sum = classifier.bias + classifier.contributions(&text).iter().sum::<f32>();
        approx::assert_abs_diff_eq!(sum, classifier.logit(&text), epsilon = 1e-5);
        assert!(classifier.contributions(&text)[1] > 0.0);
        assert_eq!(classifier.contributions(&text)[6], 0.0);
        assert_eq!(classifier.contributions(&[]), Vec::<f32>::new());
    }

    #[test]
    fn pruning_keeps_the_largest_weights() {
        let (classifier, _) = fitted();
        let pruned = classifier.clone().prune(3);
        let mut sizes: Vec<f32> = classifier.weights.iter().map(|weight| weight.to_f32().abs()).collect();
        sizes.sort_unstable_by(|a, b| b.total_cmp(a));
        assert_eq!(pruned.len(), 3);
        assert!(pruned.weights.iter().all(|weight| weight.to_f32().abs() >= sizes[2]));
        assert!(pruned.keys.is_sorted());
    }

    #[test]
    fn it_comes_back_from_its_file_and_damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ngrams.safetensors");
        let (classifier, _) = fitted();
        classifier.save(&path).unwrap();
        assert_eq!(NgramClassifier::load(&path).unwrap(), classifier);
        let whole = std::fs::read(&path).unwrap();
        let mut swapped = whole.clone();
        let keys = whole.len() - classifier.len() * 10 - 4;
        swapped[keys..].rotate_left(8);
        for damaged in [&whole[..whole.len() - 5], &whole[..6], &[], &swapped] {
            std::fs::write(&path, damaged).unwrap();
            let error = NgramClassifier::load(&path).unwrap_err().to_string();
            assert!(error.contains("ngrams.safetensors"), "{error}");
        }
    }
}
