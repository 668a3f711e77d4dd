//! The yardsticks of every forecast: each knows the values up to now, and says what comes in the next steps.
//!
//! - Holt (1957), *Forecasting seasonals and trends by exponentially weighted moving averages*; Winters (1960).

use crate::simplex;

/// What a forecast has to beat.
#[derive(Clone, Debug)]
pub enum Yardstick {
    /// Nothing changes.
    Persistence,
    /// All is as one season ago, of so many steps.
    Seasonal(usize),
    /// It goes on as it went from the first value to the last.
    Drift,
    /// Exponential smoothing with trend and season.
    HoltWinters(HoltWinters),
}

impl Yardstick {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Persistence => "persistence",
            Self::Seasonal(_) => "seasonal persistence",
            Self::Drift => "drift",
            Self::HoltWinters(_) => "Holt-Winters",
        }
    }

    /// Forecasts of the `horizon` steps from each origin on, of which it knows all values before: `[origins, horizon]`.
    pub fn forecasts(&self, series: &[f32], origins: impl Iterator<Item = usize>, horizon: usize) -> Vec<f32> {
        if let Self::HoltWinters(smoothing) = self {
            return smoothing.forecasts(series, origins, horizon);
        }
        let of = |origin: usize| {
            let past = &series[..origin];
            (0..horizon).map(move |step| self.value(past, step))
        };
        origins.flat_map(of).collect()
    }

    /// The value `step` steps after the first that comes.
    fn value(&self, past: &[f32], step: usize) -> f32 {
        let (Some(first), Some(last)) = (past.first(), past.last()) else { return f32::NAN };
        match self {
            // Of less than a season of past, its last value.
            Self::Seasonal(season) if past.len() >= *season => past[past.len() - season + step % season],
            Self::Drift => last + (last - first) / (past.len().max(2) - 1) as f32 * (step + 1) as f32,
            _ => *last,
        }
    }
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
    /// By the place in the season.
    seasonal: Vec<f64>,
    /// Values gone through.
    steps: usize,
}

impl HoltWinters {
    /// Finds α, β and γ for which the one-step errors on `training` are least. A season of 1 is none, and one that was not seen three
    /// times is left out: the first two are what it begins with.
    ///
    /// `None` of fewer than three values.
    pub fn fit(training: &[f32], season: usize) -> Option<Self> {
        if training.len() < 3 {
            return None;
        }
        let season = if training.len() < 3 * season { 1 } else { season.max(1) };
        let of = |raw: [f64; 3]| Self { follow: raw.map(|value| 1.0 / (1.0 + (-value).exp())), season };
        let found = simplex::minimum([-1.0, -4.0, -2.0], 1.0, |raw| of(raw).errors(training));
        Some(of(found))
    }

    /// Forecasts from some origins, in order: `[origins, horizon]`.
    fn forecasts(&self, series: &[f32], origins: impl Iterator<Item = usize>, horizon: usize) -> Vec<f32> {
        let mut smoothed = Smoothed::begin(series, self.season);
        let mut forecasts = Vec::new();
        for origin in origins {
            for value in &series[smoothed.steps.min(origin)..origin] {
                self.follow(&mut smoothed, *value);
            }
            forecasts.extend((1..=horizon).map(|step| smoothed.ahead(step) as f32));
        }
        forecasts
    }

    /// The sum of squares of the one-step errors after the first two seasons.
    fn errors(&self, series: &[f32]) -> f64 {
        let mut smoothed = Smoothed::begin(series, self.season);
        let mut errors = 0.0;
        for value in &series[smoothed.steps..] {
            if smoothed.steps >= 2 * self.season {
                errors += (f64::from(*value) - smoothed.ahead(1)).powi(2);
            }
            self.follow(&mut smoothed, *value);
        }
        errors
    }

    /// The value that comes next is known.
    fn follow(&self, smoothed: &mut Smoothed, value: f32) {
        let (value, [alpha, beta, gamma]) = (f64::from(value), self.follow);
        let Smoothed { level, trend, seasonal, steps } = smoothed;
        let place = *steps % self.season;
        let before = *level;
        *level = alpha * (value - seasonal[place]) + (1.0 - alpha) * (*level + *trend);
        *trend = beta * (*level - before) + (1.0 - beta) * *trend;
        if self.season > 1 {
            seasonal[place] = gamma * (value - *level) + (1.0 - gamma) * seasonal[place];
        }
        *steps += 1;
    }
}

impl Smoothed {
    /// From the first season, and the trend to the second.
    fn begin(series: &[f32], season: usize) -> Self {
        let average = |values: &[f32]| values.iter().copied().map(f64::from).sum::<f64>() / values.len().max(1) as f64;
        let first = &series[..season.min(series.len())];
        let level = average(first);
        let second = series.get(season..2 * season).map_or(level, average);
        let mut seasonal: Vec<f64> =
            if season == 1 { vec![0.0] } else { first.iter().map(|value| f64::from(*value) - level).collect() };
        seasonal.resize(season, 0.0);
        Self { level, trend: (second - level) / season as f64, seasonal, steps: first.len() }
    }

    /// The value so many steps ahead, from 1.
    fn ahead(&self, step: usize) -> f64 {
        self.level + self.trend * step as f64 + self.seasonal[(self.steps + step - 1) % self.seasonal.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(yardstick: &Yardstick, past: &[f32], horizon: usize) -> Vec<f32> {
        yardstick.forecasts(past, [past.len()].into_iter(), horizon)
    }

    #[test]
    fn yardsticks_say_what_they_are_named_after() {
        let past = [1.0, 2.0, 3.0, 5.0];
        assert_eq!(forecast(&Yardstick::Persistence, &past, 2), [5.0, 5.0]);
        assert_eq!(forecast(&Yardstick::Seasonal(3), &past, 4), [2.0, 3.0, 5.0, 2.0]);
        assert_eq!(forecast(&Yardstick::Seasonal(9), &past, 2), [5.0, 5.0]);
        let slope = 4.0 / 3.0;
        approx::assert_relative_eq!(forecast(&Yardstick::Drift, &past, 2)[..], [5.0 + slope, 5.0 + 2.0 * slope][..]);
        assert_eq!(Yardstick::Persistence.forecasts(&past, 2..4, 1), [2.0, 3.0]);
    }

    #[test]
    fn smoothing_follows_trend_and_season() {
        let value = |step: usize| 10.0 + 0.5 * step as f32 + [3.0, -1.0, -4.0, 2.0][step % 4];
        let past: Vec<f32> = (0..62).map(value).collect();
        let smoothing = HoltWinters::fit(&past, 4).unwrap();
        let without = HoltWinters::fit(&past, 1).unwrap();
        assert!(without.errors(&past) > 10.0 * smoothing.errors(&past) + 1.0);
        assert_eq!(HoltWinters::fit(&past[..11], 4).unwrap().season, 1);
        assert!(HoltWinters::fit(&past[..2], 4).is_none());
        let forecasts = Yardstick::HoltWinters(smoothing).forecasts(&past, [50, 62].into_iter(), 8);
        for (step, forecast) in (50..58).chain(62..70).zip(forecasts) {
            approx::assert_abs_diff_eq!(forecast, value(step), epsilon = 0.05);
        }
    }
}
