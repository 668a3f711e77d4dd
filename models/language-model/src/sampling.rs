//! Drawing the next token from its scores.

use clap::Args;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::settings::Count;

/// How the next token is drawn.
#[derive(Clone, Debug, Args)]
pub struct Sampling {
    /// Below 1 likely words become likelier, above 1 less so; at 0 the likeliest is taken
    #[arg(long, value_name = "T", default_value_t = Self::default().temperature, value_parser = temperature, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Draw from the K likeliest words alone
    #[arg(long, value_name = "K")]
    pub top_k: Option<Count>,
    /// Draw from the likeliest words alone that together have this probability
    #[arg(long, value_name = "P", value_parser = share, allow_negative_numbers = true)]
    pub top_p: Option<f32>,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = Self::default().seed)]
    pub seed: u64,
}

impl Default for Sampling {
    /// From the probabilities as they are.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: None, seed: 1 }
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value),
        _ => Err("a temperature is a number of at least 0".to_owned()),
    }
}

fn share(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value > 0.0 && value <= 1.0 => Ok(value),
        _ => Err("a probability is a number above 0 and at most 1".to_owned()),
    }
}

impl Sampling {
    /// The generator of what is drawn.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed)
    }

    /// Draws a token, but never `excluded`.
    pub fn draw(&self, scores: &[f32], excluded: u32, rng: &mut ChaCha8Rng) -> u32 {
        let mut likely: Vec<(u32, f32)> =
            (0..).zip(scores.iter().copied()).filter(|(token, _)| *token != excluded).collect();
        likely.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let kept = if self.temperature == 0.0 { 1 } else { self.top_k.map_or(likely.len(), Count::get) };
        likely.truncate(kept);
        let Some(&(first, largest)) = likely.first() else { return 0 };
        if likely.len() == 1 {
            return first;
        }
        let mut shares: Vec<f32> =
            likely.iter().map(|(_, score)| ((score - largest) / self.temperature).exp()).collect();
        if let Some(top) = self.top_p {
            let wanted = top * shares.iter().sum::<f32>();
            let mut sum = 0.0;
            let before = shares.iter().take_while(|share| {
                sum += **share;
                sum < wanted
            });
            let kept = before.count() + 1;
            shares.truncate(kept);
        }
        let mut place = rng.random::<f32>() * shares.iter().sum::<f32>();
        let index = shares.iter().position(|share| {
            place -= share;
            place < 0.0
        });
        likely[index.unwrap_or(0)].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 5] = [0.0, 9.0, 2.0, 1.0, -1.0];

    fn sampling(temperature: f32, top_k: Option<u64>, top_p: Option<f32>) -> Sampling {
        Sampling { temperature, top_k: top_k.map(|count| count.try_into().unwrap()), top_p, seed: 7 }
    }

    /// How often each token is drawn of 10,000 times; token 1 is excluded.
    fn drawn(sampling: &Sampling) -> [usize; 5] {
        let mut rng = sampling.rng();
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[sampling.draw(&SCORES, 1, &mut rng) as usize] += 1);
        counts
    }

    #[test]
    fn tokens_come_as_often_as_their_probabilities_say() {
        for temperature in [1.0, 0.5, 2.0] {
            let weights = SCORES.map(|score: f32| (score / temperature).exp());
            let total: f32 = weights.iter().sum::<f32>() - weights[1];
            let counts = drawn(&sampling(temperature, None, None));
            assert_eq!(counts[1], 0);
            for token in [0, 2, 3, 4] {
                let (share, count) = (weights[token] / total, counts[token] as f32 / 10_000.0);
                assert!((share - count).abs() < 0.02, "{token} at {temperature}: {count} for {share}");
            }
        }
    }

    #[test]
    fn unlikely_tokens_can_be_left_out() {
        assert_eq!(drawn(&sampling(0.0, None, None)), [0, 0, 10_000, 0, 0]);
        assert_eq!(drawn(&sampling(1.0, Some(1), None)), [0, 0, 10_000, 0, 0]);
        let of_two = drawn(&sampling(1.0, Some(2), None));
        assert!(of_two[0] == 0 && of_two[4] == 0 && of_two[3] > 2000, "{of_two:?}");
        // The shares are 0.64, 0.24, 0.09 and 0.03.
        let of_most = drawn(&sampling(1.0, None, Some(0.7)));
        assert!(of_most[0] == 0 && of_most[4] == 0 && of_most[3] > 2000, "{of_most:?}");
        assert_eq!(drawn(&sampling(1.0, None, Some(0.5))), [0, 0, 10_000, 0, 0]);
    }

    #[test]
    fn wrong_numbers_are_refused() {
        assert!(temperature("-1").is_err() && temperature("nan").is_err() && temperature("0").is_ok());
        assert!(share("0").is_err() && share("1.5").is_err() && share("1").is_ok());
    }
}
