//! The yardsticks of every forecast: each knows the values up to now, and says what comes in the next `horizon` steps.
//!
//! - Holt (1957), *Forecasting seasonals and trends by exponentially weighted moving averages*; Winters (1960).

use crate::simplex;

/// Nothing changes.
pub fn persistence(past: &[f64], horizon: usize) -> Vec<f64> {
    vec![past.last().copied().unwrap_or(f64::NAN); horizon]
}

/// All is as one season ago. Of less than a season of past, as its last value.
pub fn seasonal_persistence(past: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    match past.len().checked_sub(season) {
        Some(start) => past[start..].iter().copied().cycle().take(horizon).collect(),
        None => persistence(past, horizon),
    }
}

/// It goes on as it went from the first value to the last.
pub fn drift(past: &[f64], horizon: usize) -> Vec<f64> {
    let (Some(first), Some(last)) = (past.first(), past.last()) else { return vec![f64::NAN; horizon] };
    let slope = (last - first) / (past.len().max(2) - 1) as f64;
    (1..=horizon).map(|step| last + slope * step as f64).collect()
}

/// Exponential smoothing with a level, a trend and an additive season: Holt & Winters.
#[derive(Clone, Debug)]
pub struct HoltWinters {
    /// How fast level, trend and season follow what happens: α, β, γ in (0, 1).
    follow: [f64; 3],
    season: usize,
}

/// What it has come to.
struct Smoothed {
    level: f64,
    trend: f64,
    /// From the next step on.
    seasonal: Vec<f64>,
}

impl HoltWinters {
    /// Finds α, β and γ for which the one-step errors on `training` are least. A season of 1 is none.
    ///
    /// `None` if there are not two whole seasons.
    pub fn fit(training: &[f64], season: usize) -> Option<Self> {
        let season = season.max(1);
        if training.len() < 2 * season + 1 {
            return None;
        }
        let of = |raw: [f64; 3]| Self { follow: raw.map(|value| 1.0 / (1.0 + (-value).exp())), season };
        let found = simplex::minimum([-1.0, -4.0, -2.0], 1.0, |raw| of(raw).errors(training));
        Some(of(found))
    }

    /// What comes next.
    pub fn forecast(&self, past: &[f64], horizon: usize) -> Vec<f64> {
        let (Smoothed { level, trend, seasonal }, _) = self.smooth(past);
        (1..=horizon).zip(seasonal.iter().cycle()).map(|(step, season)| level + trend * step as f64 + season).collect()
    }

    fn errors(&self, past: &[f64]) -> f64 {
        self.smooth(past).1
    }

    /// Goes through the values; also the sum of squares of the one-step errors after the first two seasons.
    fn smooth(&self, past: &[f64]) -> (Smoothed, f64) {
        let (season, [alpha, beta, gamma]) = (self.season, self.follow);
        let first = &past[..season.min(past.len())];
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let mut level = average(first);
        let second = past.get(season..2 * season).map_or(level, average);
        let mut trend = (second - level) / season as f64;
        let mut seasonal: Vec<f64> =
            if season == 1 { vec![0.0] } else { first.iter().map(|value| value - level).collect() };
        seasonal.resize(season, 0.0);
        let mut errors = 0.0;
        for (step, value) in past.iter().enumerate().skip(season) {
            let place = step % season;
            let error = value - (level + trend + seasonal[place]);
            if step >= 2 * season {
                errors += error * error;
            }
            let before = level;
            level = alpha * (value - seasonal[place]) + (1.0 - alpha) * (level + trend);
            trend = beta * (level - before) + (1.0 - beta) * trend;
            if season > 1 {
                seasonal[place] = gamma * (value - level) + (1.0 - gamma) * seasonal[place];
            }
        }
        seasonal.rotate_left(past.len() % season);
        (Smoothed { level, trend, seasonal }, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yardsticks_say_what_they_are_named_after() {
        let past = [1.0, 2.0, 3.0, 5.0];
        assert_eq!(persistence(&past, 2), [5.0, 5.0]);
        assert_eq!(seasonal_persistence(&past, 3, 4), [2.0, 3.0, 5.0, 2.0]);
        assert_eq!(seasonal_persistence(&past, 9, 2), [5.0, 5.0]);
        let slope = 4.0 / 3.0;
        approx::assert_relative_eq!(drift(&past, 2)[..], [5.0 + slope, 5.0 + 2.0 * slope][..]);
    }

    #[test]
    fn smoothing_follows_trend_and_season() {
        let value = |step: usize| 10.0 + 0.5 * step as f64 + [3.0, -1.0, -4.0, 2.0][step % 4];
        let past: Vec<f64> = (0..62).map(value).collect();
        let smoothing = HoltWinters::fit(&past, 4).unwrap();
        for (step, forecast) in (62..).zip(smoothing.forecast(&past, 8)) {
            approx::assert_abs_diff_eq!(forecast, value(step), epsilon = 0.05);
        }
        let without = HoltWinters::fit(&past, 1).unwrap();
        assert!(without.errors(&past) > 10.0 * smoothing.errors(&past) + 1.0);
        assert!(HoltWinters::fit(&past[..8], 4).is_none());
    }
}
