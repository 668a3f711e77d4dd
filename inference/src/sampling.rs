//! Sampling the next token from logits: temperature, top-k, nucleus sampling
//! ([Holtzman et al. 2020](https://arxiv.org/abs/1904.09751)), and the repetition penalty of CTRL
//! ([Keskar et al. 2019](https://arxiv.org/abs/1909.05858)).

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::PredictError;
use crate::settings::Count;

/// The settings for sampling the next token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// The divisor of the logits. Values below 1 make likely tokens more likely. At 0, the most likely token is always
    /// taken.
    pub temperature: f32,
    /// The number k of top-k sampling: tokens are sampled from the k most likely tokens only. `None` means all tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<Count>,
    /// The threshold of nucleus sampling: tokens are sampled from the smallest set of most likely tokens whose total
    /// probability is at least `top_p`. `None` means all tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// The factor θ by which the logits of tokens that were generated before are lowered: positive logits are divided
    /// by θ, and negative logits are multiplied by θ. A value of 1 means no penalty; a usual value is 1.2.
    pub repetition_penalty: f32,
    /// The seed of the random generator for sampling.
    pub seed: u64,
}

impl Default for Sampling {
    /// Returns the settings that sample from the unchanged distribution of the model.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: None, repetition_penalty: 1.0, seed: 1 }
    }
}

impl Sampling {
    /// Checks that the temperature is at least 0, the repetition penalty at least 1, and `top_p` above 0 and at most 1.
    pub fn check(&self) -> Result<(), PredictError> {
        let Self { temperature, top_p, repetition_penalty, .. } = *self;
        for (field, value, least) in
            [("temperature", temperature, 0.0), ("repetition_penalty", repetition_penalty, 1.0)]
        {
            if !(value >= least && value.is_finite()) {
                let reason = format!("{value} is out of range; use a number of at least {least}");
                return Err(PredictError::bad_input(field, reason));
            }
        }
        match top_p {
            Some(top_p) if !(top_p > 0.0 && top_p <= 1.0) => Err(PredictError::bad_input(
                "top_p",
                format!("{top_p} is out of range; use a number above 0 and at most 1"),
            )),
            _ => Ok(()),
        }
    }

    /// Creates a random generator that starts from `seed`.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed)
    }

    /// Lowers the logits of the token ids in `generated`, as [`repetition_penalty`](Self::repetition_penalty)
    /// describes. `generated` must contain each token id only once.
    pub fn penalize(&self, logits: &mut [f32], generated: impl IntoIterator<Item = u32>) {
        for id in generated {
            if let Some(logit) = logits.get_mut(id as usize) {
                let factor = self.repetition_penalty;
                *logit = if *logit > 0.0 { *logit / factor } else { *logit * factor };
            }
        }
    }

    /// Samples a token id. `logits` has one value per token, to which [`penalize`](Self::penalize) was applied before.
    /// The token `excluded` is never sampled. `top_p` selects from the tokens that `top_k` has left. Returns 0 if no
    /// token is left. The options are not checked: see [`check`](Self::check).
    pub fn draw(&self, logits: &[f32], excluded: u32, rng: &mut ChaCha8Rng) -> u32 {
        let all = || (0..).zip(logits.iter().copied()).filter(|(token, _)| *token != excluded);
        let mut ranked = Ranked { tokens: all().collect(), sorted: 0 };
        let Some((first, largest)) = ranked.get(0) else { return 0 };
        let weight = |logit: f32| ((logit - largest) / self.temperature).exp();
        let mut kept = self.top_k.map_or(usize::MAX, Count::get).min(ranked.len());
        if self.temperature == 0.0 || kept == 1 {
            return first;
        }
        let mut total: f32 = if kept == ranked.len() {
            all().map(|(_, logit)| weight(logit)).sum()
        } else {
            ranked.first(kept).iter().map(|(_, logit)| weight(*logit)).sum()
        };
        if let Some(top) = self.top_p {
            let (wanted, mut sum, mut count) = (top * total, 0.0, 0);
            while sum < wanted && count < kept {
                sum += ranked.get(count).map_or(0.0, |(_, logit)| weight(logit));
                count += 1;
            }
            (kept, total) = (count, sum);
        }
        let mut place = rng.random::<f32>() * total;
        for rank in 0..kept {
            let Some((token, logit)) = ranked.get(rank) else { break };
            place -= weight(logit);
            if place < 0.0 {
                return token;
            }
        }
        first
    }
}

/// Tokens with their logits. Only the most likely tokens are sorted, because a vocabulary is large, and the sampled
/// token is usually among the most likely tokens. More tokens are sorted when they are needed.
struct Ranked {
    /// The id and the logit of each token.
    tokens: Vec<(u32, f32)>,
    /// The number of tokens at the start of `tokens` that are already sorted by decreasing logit.
    sorted: usize,
}

impl Ranked {
    /// The minimum number of tokens that the first sort sorts. If there are fewer tokens, it sorts all tokens.
    const FEWEST: usize = 64;

    fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns the id and the logit of the token with the given rank: rank 0 is the most likely token. If two logits
    /// are equal, the token with the smaller id comes first.
    fn get(&mut self, rank: usize) -> Option<(u32, f32)> {
        self.first(rank + 1);
        self.tokens.get(rank).copied()
    }

    /// Returns the `count` most likely tokens, the most likely token first; all tokens if there are fewer.
    fn first(&mut self, count: usize) -> &[(u32, f32)] {
        let count = count.min(self.len());
        if count > self.sorted {
            let end = count.max(4 * self.sorted).max(Self::FEWEST).min(self.len());
            let (more, order) = (end - self.sorted, |one: &(u32, f32), other: &(u32, f32)| {
                other.1.total_cmp(&one.1).then(one.0.cmp(&other.0))
            });
            let rest = &mut self.tokens[self.sorted..];
            if more < rest.len() {
                rest.select_nth_unstable_by(more - 1, order);
            }
            rest[..more].sort_unstable_by(order);
            self.sorted = end;
        }
        &self.tokens[..count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.0, 9.0, 2.0, 1.0, -1.0];

    fn sampling(temperature: f32, top_k: Option<u64>, top_p: Option<f32>) -> Sampling {
        Sampling {
            temperature,
            top_k: top_k.map(|count| count.try_into().unwrap()),
            top_p,
            seed: 7,
            ..Sampling::default()
        }
    }

    /// The number of times that each token is sampled, of 10,000. Token 1 is excluded.
    fn drawn(sampling: &Sampling) -> [usize; 5] {
        let mut rng = sampling.rng();
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[sampling.draw(&LOGITS, 1, &mut rng) as usize] += 1);
        counts
    }

    #[test]
    fn frequencies_match_the_probabilities() {
        for temperature in [1.0, 0.5, 2.0] {
            let weights = LOGITS.map(|logit: f32| (logit / temperature).exp());
            let total: f32 = weights.iter().sum::<f32>() - weights[1];
            let counts = drawn(&sampling(temperature, None, None));
            assert_eq!(counts[1], 0);
            for token in [0, 2, 3, 4] {
                let (probability, frequency) = (weights[token] / total, counts[token] as f32 / 10_000.0);
                assert!(
                    (probability - frequency).abs() < 0.02,
                    "{token} at {temperature}: {frequency} for {probability}"
                );
            }
        }
    }

    #[test]
    fn top_k_and_top_p_exclude_unlikely_tokens() {
        assert_eq!(drawn(&sampling(0.0, None, None)), [0, 0, 10_000, 0, 0]);
        assert_eq!(drawn(&sampling(1.0, Some(1), None)), [0, 0, 10_000, 0, 0]);
        let of_two = drawn(&sampling(1.0, Some(2), None));
        assert!(of_two[0] == 0 && of_two[4] == 0 && of_two[3] > 2000, "{of_two:?}");
        // The probabilities are 0.64, 0.24, 0.09 and 0.03.
        let of_most = drawn(&sampling(1.0, None, Some(0.7)));
        assert!(of_most[0] == 0 && of_most[4] == 0 && of_most[3] > 2000, "{of_most:?}");
        assert_eq!(drawn(&sampling(1.0, None, Some(0.5))), [0, 0, 10_000, 0, 0]);
    }

    #[test]
    fn ranks_are_those_of_a_full_sort() {
        // Many equal logits.
        let tokens: Vec<(u32, f32)> = (0..5000).map(|token| (token, (token * 37 % 501) as f32 - 250.0)).collect();
        let mut sorted = tokens.clone();
        sorted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut ranked = Ranked { tokens, sorted: 0 };
        for rank in [0, 1, 63, 64, 70, 1000, 999, 4999] {
            assert_eq!(ranked.get(rank), sorted.get(rank).copied());
            assert_eq!(ranked.first(rank), &sorted[..rank]);
        }
        assert_eq!((ranked.get(5000), ranked.first(9000).len()), (None, 5000));
    }

    #[test]
    fn the_penalty_lowers_logits_of_either_sign() {
        let mut logits = LOGITS;
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        sampling.penalize(&mut logits, [0, 2, 4, 9]);
        assert_eq!(logits, [0.0, 9.0, 1.0, 1.0, -2.0]);
        Sampling::default().penalize(&mut logits, 0..5);
        assert_eq!(logits, [0.0, 9.0, 1.0, 1.0, -2.0]);
        for repetition_penalty in [0.5, f32::NAN, f32::INFINITY] {
            let sampling = Sampling { repetition_penalty, ..Sampling::default() };
            let error = sampling.check().unwrap_err();
            assert!(matches!(error, PredictError::BadInput { field: "repetition_penalty", .. }), "{error}");
        }
    }

    #[test]
    fn values_out_of_range_are_errors() {
        for (temperature, top_p) in [(-1.0, None), (f32::NAN, None), (1.0, Some(0.0)), (1.0, Some(1.5))] {
            let sampling = Sampling { temperature, top_p, ..Sampling::default() };
            assert!(matches!(sampling.check(), Err(PredictError::BadInput { .. })), "{sampling:?}");
        }
        assert!(sampling(0.0, None, Some(1.0)).check().is_ok());
    }
}
