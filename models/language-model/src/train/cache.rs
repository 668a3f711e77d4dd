//! The neural cache ([Grave et al. 2017](https://arxiv.org/abs/1612.04426)) holds the most recent hidden states of the
//! network, and the word that followed each of them. If the current hidden state is similar to a state in the cache,
//! the cache gives a high probability to the word that followed that state. Nothing is trained.
//!
//! ```text
//! p(w) = (1 − λ) · p_network(w) + λ · p_cache(w)
//! p_cache(w) ∝ Σ exp(θ hₜ·hᵢ)   over the recent places i whose next word is w
//! ```
//!
//! hₜ is the current hidden state, hᵢ the hidden state at place i, θ the sharpness, and λ the share of the cache.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use training::{Interrupt, TaskResult};

use crate::adaptation::CacheConfig;
use crate::evaluation::{EvalLayout, Rows, windows};
use crate::model::Network;

/// The grid search measures cache settings on the first tokens of the validation part, up to this number of tokens.
const SEARCH_TOKENS: usize = 100_000;
/// The cache sizes, in tokens, that the grid search tries.
const PLACES: [usize; 3] = [500, 1000, 2000];
/// The values of the sharpness θ that the grid search tries.
const SHARPNESS: [f64; 6] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.0];
/// The values of the share λ that the grid search tries.
const SHARES: [f64; 8] = [0.02, 0.05, 0.08, 0.11, 0.14, 0.18, 0.22, 0.3];

/// The probabilities that network and caches assign to the tokens of a text.
struct Probabilities {
    /// The probability that the network gives to each token.
    network: Vec<f64>,
    /// One list per cache: the probability that the cache gives to each token.
    caches: Vec<Vec<f64>>,
}

/// Finds the cache settings with the lowest loss on a text, by grid search.
pub fn choose(network: &Network, ids: &[u32], device: &Device, interrupt: &Interrupt) -> TaskResult<CacheConfig> {
    let ids = &ids[..ids.len().min(SEARCH_TOKENS)];
    let search = Search { places: &PLACES, sharpness: &SHARPNESS };
    let probabilities = search.probabilities(network, ids, EvalLayout::default(), device, interrupt)?;
    let settings = search.settings().zip(&probabilities.caches).flat_map(|((places, sharpness), cache)| {
        let network = &probabilities.network;
        SHARES.map(|share| (mixture_loss(network, cache, share), CacheConfig { places, sharpness, share }))
    });
    let best = settings.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, config)| config);
    Ok(best.unwrap_or(CacheConfig { places: PLACES[0], sharpness: SHARPNESS[0], share: SHARES[0] }))
}

/// Returns the mean loss per token of a text in nats, with the mixture of the network's and the cache's probabilities.
pub fn loss(
    config: &CacheConfig,
    network: &Network,
    ids: &[u32],
    device: &Device,
    interrupt: &Interrupt,
) -> TaskResult<f64> {
    let search = Search { places: &[config.places], sharpness: &[config.sharpness] };
    let probabilities = search.probabilities(network, ids, EvalLayout::default(), device, interrupt)?;
    Ok(mixture_loss(&probabilities.network, &probabilities.caches[0], config.share))
}

/// Returns the mean loss, in nats, of the mixture `(1 − share) · network + share · cache` of two lists of
/// probabilities.
fn mixture_loss(network: &[f64], cache: &[f64], share: f64) -> f64 {
    let losses = network.iter().zip(cache).map(|(network, cache)| -((1.0 - share) * network + share * cache).ln());
    losses.sum::<f64>() / network.len() as f64
}

/// A grid of caches: one cache for each combination of a size and a sharpness. One pass over a text computes the
/// probabilities of all caches.
struct Search<'a> {
    /// The sizes of the caches in tokens, in ascending order.
    places: &'a [usize],
    /// The values of the sharpness θ.
    sharpness: &'a [f64],
}

impl Search<'_> {
    /// Returns the size and the sharpness θ of each cache: all combinations of `places` and `sharpness`.
    fn settings(&self) -> impl Iterator<Item = (usize, f64)> {
        self.sharpness.iter().flat_map(|&sharpness| self.places.iter().map(move |&places| (places, sharpness)))
    }

    /// Returns the probability that the network gives to each token of a text, and the probability that each cache
    /// gives to it. The network reads the text only once. The caches are in the order of [`settings`](Self::settings).
    fn probabilities(
        &self,
        network: &Network,
        ids: &[u32],
        layout: EvalLayout,
        device: &Device,
        interrupt: &Interrupt,
    ) -> TaskResult<Probabilities> {
        let most_places = self.places.last().copied().unwrap_or(0);
        // The oldest hidden state in the cache must also have its full context.
        let rows = Rows::new(ids, EvalLayout { context: most_places + layout.context, ..layout });
        let tokens = rows.count * rows.length;
        let mut all =
            Probabilities { network: vec![0.0; tokens], caches: vec![vec![0.0; tokens]; self.settings().count()] };
        // The hidden states in the cache, [rows, places, H]; the first row starts with an empty cache.
        let (mut state, past) = rows.read_context(network, layout.window, device).unzip();
        let mut past = past.map(|past| last(past, most_places));
        for columns in windows(rows.counted(), layout.window) {
            interrupt.check()?;
            let outputs = network.forward(rows.inputs(&columns, device), state);
            let losses = network.losses(&outputs, rows.targets(&columns, device)).into_data();
            let hidden = outputs.hidden; // [rows, T, H]
            let known = past.map_or(hidden.clone(), |past| Tensor::cat(vec![past, hidden.clone()], 1)); // [rows, P, H]
            let similarity = hidden.matmul(known.clone().swap_dims(1, 2)); // [rows, T, P]
            let [_, _, known_places] = similarity.dims();
            let similarity: Vec<f32> = similarity.into_data().iter::<f32>().collect();

            let places: Vec<usize> = rows.places(columns.clone()).map(|place| place as usize).collect();
            let answers: Vec<Vec<f64>> = (places.par_iter().enumerate().zip(similarity.par_chunks(known_places)))
                .map(|((index, &place), similarity)| {
                    let earlier = known_places - columns.len() + index % columns.len();
                    self.lookup(ids, place, &similarity[..earlier])
                })
                .collect();
            for ((place, loss), answers) in places.into_iter().zip(losses.iter::<f32>()).zip(answers) {
                all.network[place] = f64::from(-loss).exp();
                for (cache, answer) in all.caches.iter_mut().zip(answers) {
                    cache[place] = answer;
                }
            }
            state = Some(outputs.state);
            past = Some(last(known, most_places));
        }
        all.network.truncate(ids.len());
        all.caches.iter_mut().for_each(|cache| cache.truncate(ids.len()));
        Ok(all)
    }

    /// Returns the probability that each cache gives to the token at position `place` of the text. The hidden state of
    /// a position is the state from which the network predicts the token there. `similarity` holds the dot product of
    /// the hidden state of `place` with the hidden state of each earlier position, in the order of the text.
    fn lookup(&self, ids: &[u32], place: usize, similarity: &[f32]) -> Vec<f64> {
        let Some(&token) = ids.get(place) else { return vec![0.0; self.settings().count()] };
        // Positions before the first token of the text are left out.
        let similarity = &similarity[similarity.len() - similarity.len().min(place)..];
        let largest = similarity.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut answers = Vec::new();
        for sharpness in self.sharpness {
            let (mut back, mut all, mut right) = (0, 0.0, 0.0);
            for &places in self.places {
                for similarity in similarity.iter().rev().take(places).skip(back) {
                    back += 1;
                    let weight = (sharpness * f64::from(similarity - largest)).exp();
                    all += weight;
                    right += if ids[place - back] == token { weight } else { 0.0 };
                }
                answers.push(if all > 0.0 { right / all } else { 0.0 });
            }
        }
        answers
    }
}

/// Returns the last `count` places of a tensor `[rows, places, H]`, along its second dimension.
fn last(known: Tensor<3>, count: usize) -> Tensor<3> {
    let [_, places, _] = known.dims();
    let count = count.min(places);
    known.narrow(1, places - count, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::{network, text};
    use crate::evaluation::{losses, mean};

    /// Compares with the formula, computed place by place on the uncut text. The tested code cuts the text into three
    /// rows.
    #[test]
    fn the_cache_equals_its_formula() {
        let device = Device::flex();
        let (network, ids) = (network(&device), text(2103));
        let search = Search { places: &[20, 120], sharpness: &[100.0, 300.0] };
        let layout = EvalLayout { rows: 3, context: 40, window: 64 };
        let all = search.probabilities(&network, &ids, layout, &device, &Interrupt::default()).unwrap();

        let whole = Rows::new(&ids, EvalLayout { rows: 1, context: 0, window: ids.len() });
        let (hidden, _) = network.encode(whole.inputs(&(0..ids.len()), &device), None);
        let similarity = hidden.clone().matmul(hidden.swap_dims(1, 2)).into_data(); // [1, T, T]
        let similarity: Vec<f64> = similarity.iter::<f64>().collect();
        for ((places, sharpness), cache) in search.settings().zip(&all.caches) {
            for (place, &id) in ids.iter().enumerate() {
                let weights = (place.saturating_sub(places)..place)
                    .map(|before| (ids[before], (sharpness * similarity[place * ids.len() + before]).exp()));
                let total: f64 = weights.clone().map(|(_, weight)| weight).sum();
                let right: f64 = weights.filter(|(other, _)| *other == id).map(|(_, weight)| weight).sum();
                let expected = if place == 0 { 0.0 } else { right / total };
                approx::assert_abs_diff_eq!(cache[place], expected, epsilon = 1e-3);
            }
        }
    }

    #[test]
    fn a_cache_lowers_the_loss_where_a_text_repeats_itself() {
        let (device, interrupt) = (Device::flex(), Interrupt::default());
        let (network, ids) = (network(&device), text(2000));
        let alone = mean(&losses(&network, &ids, EvalLayout::default(), &device));
        let config = choose(&network, &ids, &device, &interrupt).unwrap();
        let with = |config: CacheConfig| loss(&config, &network, &ids, &device, &interrupt).unwrap();
        assert!(with(config) < alone - 0.05, "{config:?}");
        approx::assert_relative_eq!(with(CacheConfig { share: 0.0, ..config }), alone, max_relative = 1e-5);
    }

    #[test]
    fn an_interrupt_stops_the_search() {
        let (device, interrupt) = (Device::flex(), Interrupt::default());
        interrupt.request();
        let stopped = choose(&network(&device), &text(200), &device, &interrupt);
        assert!(matches!(stopped, Err(training::TaskError::Interrupted)));
    }
}
