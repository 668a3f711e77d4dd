//! The neural cache ([Grave et al. 2017](https://arxiv.org/abs/1612.04426)): words that followed when the network was in a
//! state like this one are likelier to follow again. Nothing is trained; the memory is the text just read.
//!
//! ```text
//! p(w) = (1 − λ) · p_network(w) + λ · p_cache(w),   p_cache(w) ∝ Σ exp(θ hₜ·hᵢ) over the last places i that w followed
//! ```

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::Network;
use crate::perplexity::{Layout, Reading, windows};

/// Settings of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Places that are remembered.
    pub places: usize,
    /// θ: how much more those count at which the state was alike.
    pub sharpness: f64,
    /// λ: the cache's share.
    pub share: f64,
}

/// What is tried on the validation part, or on as many of its first tokens.
const TRIED: usize = 100_000;
const PLACES: [usize; 3] = [500, 1000, 2000];
const SHARPNESS: [f64; 6] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.0];
const SHARES: [f64; 8] = [0.02, 0.05, 0.08, 0.11, 0.14, 0.18, 0.22, 0.3];

/// The most places that a machine has the memory for.
const MOST_PLACES: f64 = 100_000.0;
/// The cache knows but the words just read: something must be left for the others.
const MOST_SHARE: f64 = 0.99;

/// The probabilities of a text's tokens.
struct Probabilities {
    network: Vec<f64>,
    /// Of each cache that was asked for.
    caches: Vec<Vec<f64>>,
}

impl Cache {
    /// The cache under which a text is least surprising.
    pub fn choose(network: &Network, tokens: &[u32], device: &Device) -> Self {
        let tokens = &tokens[..tokens.len().min(TRIED)];
        let probabilities = probabilities(network, tokens, &PLACES, &SHARPNESS, Reading::default(), device);
        let tried = SHARPNESS.into_iter().flat_map(|sharpness| PLACES.map(|places| (places, sharpness)));
        let settings = tried.zip(&probabilities.caches).flat_map(|((places, sharpness), cache)| {
            SHARES.map(|share| (cost(&probabilities.network, cache, share), Self { places, sharpness, share }))
        });
        let best = settings.min_by(|(one, _), (other, _)| one.total_cmp(other));
        best.map_or(Self { places: PLACES[0], sharpness: SHARPNESS[0], share: SHARES[0] }, |(_, cache)| cache)
    }

    /// Its settings, and where they may lie.
    pub fn ranges(&self) -> [(&'static str, f64, RangeInclusive<f64>); 3] {
        [
            ("cache.places", self.places as f64, 1.0..=MOST_PLACES),
            ("cache.sharpness", self.sharpness, 0.0..=f64::MAX),
            ("cache.share", self.share, 0.0..=MOST_SHARE),
        ]
    }

    /// The mean cost of a text's tokens, in nats.
    pub fn cost(&self, network: &Network, tokens: &[u32], device: &Device) -> f64 {
        let probabilities =
            probabilities(network, tokens, &[self.places], &[self.sharpness], Reading::default(), device);
        cost(&probabilities.network, &probabilities.caches[0], self.share)
    }
}

fn cost(network: &[f64], cache: &[f64], share: f64) -> f64 {
    let costs = network.iter().zip(cache).map(|(network, cache)| -((1.0 - share) * network + share * cache).ln());
    costs.sum::<f64>() / network.len() as f64
}

/// Reads a text once for several caches: of each sharpness in turn one of each number of places, which rise.
fn probabilities(
    network: &Network,
    tokens: &[u32],
    places: &[usize],
    sharpness: &[f64],
    reading: Reading,
    device: &Device,
) -> Probabilities {
    let most_places = places.last().copied().unwrap_or(0);
    // The oldest state that is remembered must be what it would be in one row, too.
    let layout = Layout::new(tokens, Reading { before: most_places + reading.before, ..reading });
    let mut all = Probabilities {
        network: vec![0.0; layout.rows * layout.length],
        caches: vec![vec![0.0; layout.rows * layout.length]; places.len() * sharpness.len()],
    };
    // What is remembered, [rows, places, H]; the first row begins with nothing.
    let (mut state, past) = layout.read_before(network, reading.window, device).unzip();
    let mut past = past.map(|past| last(past, most_places));
    for columns in windows(layout.before..layout.before + layout.length, reading.window) {
        let outputs = network.forward(layout.inputs(&columns, device), state);
        let costs = network.costs(&outputs, layout.targets(&columns, device)).into_data();
        let hidden = outputs.hidden; // [rows, T, H]
        let known = past.map_or(hidden.clone(), |past| Tensor::cat(vec![past, hidden.clone()], 1)); // [rows, P, H]
        let likeness = hidden.matmul(known.clone().swap_dims(1, 2)); // [rows, T, P]
        let [_, _, known_places] = likeness.dims();
        let likeness: Vec<f32> = likeness.into_data().iter::<f32>().collect();

        let asked: Vec<usize> = layout.places(columns.clone()).map(|place| place as usize).collect();
        let answers: Vec<Vec<f64>> = (asked.par_iter().enumerate().zip(likeness.par_chunks(known_places)))
            .map(|((index, &place), likeness)| {
                let earlier = known_places - columns.len() + index % columns.len();
                memories(tokens, place, &likeness[..earlier], places, sharpness)
            })
            .collect();
        for ((place, cost), answers) in asked.into_iter().zip(costs.iter::<f32>()).zip(answers) {
            all.network[place] = f64::from(-cost).exp();
            for (cache, answer) in all.caches.iter_mut().zip(answers) {
                cache[place] = answer;
            }
        }
        state = Some(outputs.state);
        past = Some(last(known, most_places));
    }
    all.network.truncate(tokens.len());
    all.caches.iter_mut().for_each(|cache| cache.truncate(tokens.len()));
    all
}

/// The last `count` places of `[rows, places, H]`.
fn last(known: Tensor<3>, count: usize) -> Tensor<3> {
    let [_, places, _] = known.dims();
    let count = count.min(places);
    known.narrow(1, places - count, count)
}

/// The probability that each cache gives to the token at `place`. `likeness` is that of the state there to the states before
/// the tokens that stand before it.
fn memories(tokens: &[u32], place: usize, likeness: &[f32], places: &[usize], sharpness: &[f64]) -> Vec<f64> {
    let Some(&token) = tokens.get(place) else { return vec![0.0; places.len() * sharpness.len()] };
    // Before the first token there is nothing to remember.
    let likeness = &likeness[likeness.len() - likeness.len().min(place)..];
    let largest = likeness.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut answers = Vec::new();
    for sharpness in sharpness {
        let (mut back, mut all, mut right) = (0, 0.0, 0.0);
        for &places in places {
            for likeness in likeness.iter().rev().take(places).skip(back) {
                back += 1;
                let weight = (sharpness * f64::from(likeness - largest)).exp();
                all += weight;
                right += if tokens[place - back] == token { weight } else { 0.0 };
            }
            answers.push(if all > 0.0 { right / all } else { 0.0 });
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perplexity::tests::{network, text};

    /// The formula, place by place, in one row; the program reads in three.
    #[test]
    fn the_cache_is_what_its_formula_says() {
        let device = Device::flex();
        let (network, tokens) = (network(&device), text(2103));
        let (places, sharpness) = ([20, 120], [100.0, 300.0]);
        let reading = Reading { rows: 3, before: 40, window: 64 };
        let all = probabilities(&network, &tokens, &places, &sharpness, reading, &device);
        let caches = sharpness.into_iter().flat_map(|sharpness| places.map(|places| (places, sharpness)));

        let whole = Layout::new(&tokens, Reading { rows: 1, before: 0, window: tokens.len() });
        let (hidden, _) = network.read(whole.inputs(&(0..tokens.len()), &device), None);
        let likeness = hidden.clone().matmul(hidden.swap_dims(1, 2)).into_data(); // [1, T, T]
        let likeness: Vec<f64> = likeness.iter::<f64>().collect();
        for ((places, sharpness), cache) in caches.zip(&all.caches) {
            for (place, &token) in tokens.iter().enumerate() {
                let weights = (place.saturating_sub(places)..place)
                    .map(|before| (tokens[before], (sharpness * likeness[place * tokens.len() + before]).exp()));
                let total: f64 = weights.clone().map(|(_, weight)| weight).sum();
                let right: f64 = weights.filter(|(other, _)| *other == token).map(|(_, weight)| weight).sum();
                let expected = if place == 0 { 0.0 } else { right / total };
                approx::assert_abs_diff_eq!(cache[place], expected, epsilon = 1e-3);
            }
        }
    }

    #[test]
    fn a_cache_is_of_use_where_a_text_repeats_itself() {
        let device = Device::flex();
        let (network, tokens) = (network(&device), text(2000));
        let alone = crate::perplexity::mean(&crate::perplexity::costs(&network, &tokens, Reading::default(), &device));
        let cache = Cache::choose(&network, &tokens, &device);
        assert!(cache.cost(&network, &tokens, &device) < alone - 0.05, "{cache:?}");
        let without = Cache { share: 0.0, ..cache };
        approx::assert_relative_eq!(without.cost(&network, &tokens, &device), alone, max_relative = 1e-5);
    }
}
