//! Baselines for forecasts of values: naive forecasts and exponential smoothing.
//!
//! - Holt (1957), *Forecasting seasonals and trends by exponentially weighted moving averages*; Winters (1960).

use super::simplex;

/// A baseline for forecasts of values.
#[derive(Clone, Debug)]
pub enum Baseline {
    /// Repeats the last value (naive forecast).
    Persistence,
    /// Repeats the value one season ago (seasonal naive forecast). The field is the number of steps per season.
    Seasonal(usize),
    /// Continues the line through the first and the last value.
    Drift,
    /// Exponential smoothing with trend and season (Holt-Winters).
    HoltWinters(HoltWinters),
}

impl Baseline {
    /// Returns the name of the baseline in reports and in the names of metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Persistence => "persistence",
            Self::Seasonal(_) => "seasonal persistence",
            Self::Drift => "drift",
            Self::HoltWinters(_) => "Holt-Winters",
        }
    }

    /// Forecasts `horizon` steps from each origin (the index of the first step to forecast), given all values before
    /// this origin. The origins must be in ascending order. Returns the forecasts as `[origins, horizon]`.
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

    /// Forecasts one future value from the values `past`. `step` is the index of the future step, counted from 0.
    fn value(&self, past: &[f32], step: usize) -> f32 {
        let (Some(first), Some(last)) = (past.first(), past.last()) else { return f32::NAN };
        match self {
            // If `past` is shorter than a season, the last arm repeats the last value.
            Self::Seasonal(season) if past.len() >= *season => past[past.len() - season + step % season],
            Self::Drift => last + (last - first) / (past.len().max(2) - 1) as f32 * (step + 1) as f32,
            _ => *last,
        }
    }
}

/// Exponential smoothing with level, trend and additive season (Holt-Winters).
#[derive(Clone, Debug)]
pub struct HoltWinters {
    /// Smoothing factors of level, trend and season: α, β, γ in (0, 1).
    factors: [f64; 3],
    /// The number of steps per season; 1 if there is no season.
    season: usize,
}

/// The state of exponential smoothing: level, trend and season, estimated from the first `steps` values of a series.
struct Smoothed {
    /// The smoothed value without its seasonal term.
    level: f64,
    /// The smoothed change of the level per step.
    trend: f64,
    /// The additive seasonal term of each position in the season.
    seasonal: Vec<f64>,
    /// The number of values read so far.
    steps: usize,
}

impl HoltWinters {
    /// Finds the α, β and γ that minimise the one-step errors on `training`. A `season` of 1 means that there is no
    /// season. The season is ignored if `training` covers fewer than three seasons, because the first two seasons
    /// initialise the state.
    ///
    /// `None` for fewer than three values.
    pub fn fit(training: &[f32], season: usize) -> Option<Self> {
        if training.len() < 3 {
            return None;
        }
        let season = if training.len() < 3 * season { 1 } else { season.max(1) };
        let of = |raw: [f64; 3]| Self { factors: raw.map(|value| 1.0 / (1.0 + (-value).exp())), season };
        let found = simplex::minimum([-1.0, -4.0, -2.0], 1.0, |raw| of(raw).errors(training));
        Some(of(found))
    }

    /// Forecasts `horizon` steps from each origin (the index of the first step to forecast): `[origins, horizon]`. The
    /// origins must be in ascending order.
    fn forecasts(&self, series: &[f32], origins: impl Iterator<Item = usize>, horizon: usize) -> Vec<f32> {
        let mut smoothed = Smoothed::begin(series, self.season);
        let mut forecasts = Vec::new();
        for origin in origins {
            for value in &series[smoothed.steps.min(origin)..origin] {
                self.update(&mut smoothed, *value);
            }
            forecasts.extend((1..=horizon).map(|step| smoothed.ahead(step) as f32));
        }
        forecasts
    }

    /// Computes the sum of the squared errors of one-step forecasts. The values of the first two seasons are not
    /// forecast.
    fn errors(&self, series: &[f32]) -> f64 {
        let mut smoothed = Smoothed::begin(series, self.season);
        let mut errors = 0.0;
        for value in &series[smoothed.steps..] {
            if smoothed.steps >= 2 * self.season {
                errors += (f64::from(*value) - smoothed.ahead(1)).powi(2);
            }
            self.update(&mut smoothed, *value);
        }
        errors
    }

    /// Updates level, trend and season with the next value.
    fn update(&self, smoothed: &mut Smoothed, value: f32) {
        let (value, [alpha, beta, gamma]) = (f64::from(value), self.factors);
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
    /// Computes the initial state from the first two seasons. The level is the mean of the first season, and the trend
    /// is the change per step from the first season to the second. Only the values of the first season count as read.
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

    /// Forecasts the value that comes `step` steps after the last value read. `step` is at least 1.
    fn ahead(&self, step: usize) -> f64 {
        self.level + self.trend * step as f64 + self.seasonal[(self.steps + step - 1) % self.seasonal.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(baseline: &Baseline, past: &[f32], horizon: usize) -> Vec<f32> {
        baseline.forecasts(past, [past.len()].into_iter(), horizon)
    }

    #[test]
    fn baselines_forecast_by_their_definitions() {
        let past = [1.0, 2.0, 3.0, 5.0];
        assert_eq!(forecast(&Baseline::Persistence, &past, 2), [5.0, 5.0]);
        assert_eq!(forecast(&Baseline::Seasonal(3), &past, 4), [2.0, 3.0, 5.0, 2.0]);
        assert_eq!(forecast(&Baseline::Seasonal(9), &past, 2), [5.0, 5.0]);
        let slope = 4.0 / 3.0;
        approx::assert_relative_eq!(forecast(&Baseline::Drift, &past, 2)[..], [5.0 + slope, 5.0 + 2.0 * slope][..]);
        assert_eq!(Baseline::Persistence.forecasts(&past, 2..4, 1), [2.0, 3.0]);
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
        let forecasts = Baseline::HoltWinters(smoothing).forecasts(&past, [50, 62].into_iter(), 8);
        for (step, forecast) in (50..58).chain(62..70).zip(forecasts) {
            approx::assert_abs_diff_eq!(forecast, value(step), epsilon = 0.05);
        }
    }
}
