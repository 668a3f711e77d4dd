//! Forecasts as numbers: the point and the ends of two intervals of each value, and what the validation part says of how wide those
//! have to be.
//!
//! Intervals are calibrated by split conformal prediction ([Romano et al. 2019](https://arxiv.org/abs/1905.03222)): the way from the
//! point to each end is stretched by the factor that would have left as many of the validation part's values beyond it as it
//! claims, step by step.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::head::Head;

/// The quantiles that are the ends of the 95 % and the 80 % interval, from the lowest.
pub const LEVELS: [f64; 4] = [0.025, 0.1, 0.9, 0.975];

/// Forecasts of some windows, `[windows, H, targets]` in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The numbers to expect.
    pub points: Vec<f32>,
    /// The ends of the intervals around them, at [`LEVELS`].
    pub ends: Vec<[f32; 4]>,
}

/// Of what was said: `[B, H, T, P]`.
pub fn of_said(head: Head, said: Tensor<4>) -> Forecast {
    let numbers: Vec<f32> = said.into_data().iter::<f32>().collect();
    let said = || numbers.chunks_exact(head.width());
    Forecast {
        points: said().map(|said| head.point(said)).collect(),
        ends: said().map(|said| head.ends(said)).collect(),
    }
}

/// Of futures, `[windows, paths, values]`: their median and quantiles.
pub fn of_paths(drawn: &[f32], paths: usize, values: usize) -> Forecast {
    let mut forecast = Forecast::default();
    for window in drawn.chunks_exact(paths * values) {
        for value in 0..values {
            let mut futures: Vec<f32> = window.iter().skip(value).step_by(values).copied().collect();
            futures.sort_by(f32::total_cmp);
            let at = |level: f64| quantile(&futures, level);
            let point = at(0.5);
            forecast.points.push(point);
            let ends = if paths == 1 { [point - 1.0, point - 1.0, point + 1.0, point + 1.0] } else { LEVELS.map(at) };
            forecast.ends.push(ends);
        }
    }
    forecast
}

/// Of sorted numbers, between two of them on a straight line.
fn quantile(sorted: &[f32], level: f64) -> f32 {
    let place = level * (sorted.len() - 1) as f64;
    let (low, share) = (place.floor() as usize, (place - place.floor()) as f32);
    let high = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + share * (high - sorted[low])
}

/// By how much the ends of intervals, at [`LEVELS`], have to be moved away from the point: of each step and target, `[H, targets]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibration {
    factors: Vec<[f32; 4]>,
}

impl Calibration {
    /// Finds the factors on windows whose values are known; `values` is how many values a window has, `H · targets`.
    pub fn fit(forecast: &Forecast, truth: &[f32], values: usize) -> Self {
        let of = |value: usize| {
            let factor = |end: usize| {
                // How far the value lies from the point towards this end, as a share of the way.
                let share = |place: usize| {
                    let (point, side) = (forecast.points[place], if end < 2 { -1.0 } else { 1.0 });
                    let way = side * (forecast.ends[place][end] - point);
                    side * (truth[place] - point) / way.max(f32::MIN_POSITIVE)
                };
                let mut shares: Vec<f32> = (value..truth.len()).step_by(values).map(share).collect();
                shares.sort_by(f32::total_cmp);
                let beyond = LEVELS[end].min(1.0 - LEVELS[end]);
                // One more than there are: the value to come is one of them.
                let rank = ((1.0 - beyond) * (shares.len() + 1) as f64).ceil() as usize;
                shares[rank.clamp(1, shares.len()) - 1]
            };
            std::array::from_fn(factor)
        };
        Self { factors: (0..values).map(of).collect() }
    }

    /// Intervals as they are.
    pub fn none(values: usize) -> Self {
        Self { factors: vec![[1.0; 4]; values] }
    }

    /// Whether there are as many factors as values of a window, and all are numbers.
    pub fn fits(&self, values: usize) -> bool {
        self.factors.len() == values && self.factors.iter().flatten().all(|factor| factor.is_finite())
    }

    /// Moves the ends of the intervals; those of the wider one are never within the narrower one.
    pub fn apply(&self, forecast: &mut Forecast) {
        for ((point, ends), factors) in forecast.points.iter().zip(&mut forecast.ends).zip(self.factors.iter().cycle())
        {
            let moved: [f32; 4] = std::array::from_fn(|end| point + factors[end] * (ends[end] - point));
            *ends = [moved[0].min(moved[1]), moved[1], moved[2], moved[3].max(moved[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn quantiles_of_futures_are_read_between_them() {
        let drawn: Vec<f32> = (0..=100).flat_map(|path| [path as f32, 10.0 * path as f32]).collect();
        let forecast = of_paths(&drawn, 101, 2);
        assert_eq!(forecast.points, [50.0, 500.0]);
        approx::assert_relative_eq!(forecast.ends[1][..], [25.0, 100.0, 900.0, 975.0][..], epsilon = 1e-3);
    }

    /// Claimed intervals are far too narrow for the first step and too wide for the second; on values not seen before they hold
    /// as many as they claim once they are stretched.
    #[test]
    fn stretched_intervals_hold_what_they_claim() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut draw = || -> (Forecast, Vec<f32>) {
            let ends = [-0.98, -0.64, 0.64, 0.98];
            let forecast = Forecast { points: vec![0.0; 4000], ends: vec![ends; 4000] };
            let normal = |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
            (forecast, (0..2000).flat_map(|_| [2.0 * normal(&mut rng), 0.1 * normal(&mut rng)]).collect())
        };
        let (forecast, truth) = draw();
        let calibration = Calibration::fit(&forecast, &truth, 2);
        assert!(calibration.fits(2) && !calibration.fits(3));
        let (mut forecast, truth) = draw();
        calibration.apply(&mut forecast);
        for step in 0..2 {
            for (low, high, claim) in [(1, 2, 0.8), (0, 3, 0.95)] {
                let places = (step..4000).step_by(2);
                let held =
                    places.filter(|&at| forecast.ends[at][low] <= truth[at] && truth[at] <= forecast.ends[at][high]);
                approx::assert_abs_diff_eq!(held.count() as f64 / 2000.0, claim, epsilon = 0.025);
            }
        }
    }
}
