//! Point forecasts with the bounds of the 80 % and the 95 % interval, and the calibration of the bounds by conformal
//! prediction ([Romano et al. 2019](https://arxiv.org/abs/1905.03222)).
//!
//! The calibration compares past forecasts with the observed values. For each step of the forecast, it moves a bound so
//! that the nominal fraction of the observed values lies beyond the bound: 2.5 % for each bound of the 95 % interval.
//! A bound never crosses the point forecast. Only the most recent past forecasts are used, so that the intervals adapt
//! if the errors change ([Xu & Xie 2021](https://arxiv.org/abs/2010.09107)).

use std::ops::Range;

use burn::tensor::Tensor;

use crate::likelihood::Likelihood;

/// The quantile levels of the four bounds of the 95 % and the 80 % interval, in ascending order.
pub const LEVELS: [f64; 4] = [0.025, 0.1, 0.9, 0.975];

/// The direction in which each bound moves if its interval grows: -1 down, 1 up.
const SIDES: [f32; 4] = [-1.0, -1.0, 1.0, 1.0];

/// Standardised forecasts of several windows: one item per window, step and target, in the order of
/// `[windows, H, targets]`, where H is the horizon in steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecasts {
    /// The point forecasts, in standardised units.
    pub points: Vec<f32>,
    /// The interval bounds at the quantile levels [`LEVELS`], in standardised units; NaN if there is no interval.
    pub bounds: Vec<[f32; 4]>,
}

impl Forecasts {
    /// Computes point forecasts and bounds from the parameters of output distributions, `[B, H, T, P]`: P parameters
    /// for each of B windows, H steps and T targets.
    pub fn of_parameters(likelihood: Likelihood, parameters: Tensor<4>) -> Self {
        let numbers: Vec<f32> = parameters.into_data().iter::<f32>().collect();
        let each = || numbers.chunks_exact(likelihood.width());
        Self {
            points: each().map(|parameters| likelihood.point(parameters)).collect(),
            bounds: each().map(|parameters| likelihood.bounds(parameters)).collect(),
        }
    }

    /// Computes point forecasts (the medians) and bounds (quantiles) from sample paths, `[windows, paths, values]`.
    /// `values` is the number of values in a path: steps times targets.
    pub fn of_sample_paths(samples: &[f32], paths: usize, values: usize) -> Self {
        let mut forecasts = Self::default();
        for window in samples.chunks_exact(paths * values) {
            for value in 0..values {
                let mut sorted: Vec<f32> = window.iter().skip(value).step_by(values).copied().collect();
                sorted.sort_by(f32::total_cmp);
                let at = |level: f64| quantile(&sorted, level);
                let point = at(0.5);
                forecasts.points.push(point);
                let bounds =
                    if paths == 1 { [point - 1.0, point - 1.0, point + 1.0, point + 1.0] } else { LEVELS.map(at) };
                forecasts.bounds.push(bounds);
            }
        }
        forecasts
    }

    /// Limits point forecasts and bounds from below, for targets that cannot be negative. `lowest` has one lower limit
    /// per target, in standardised units; −∞ means no limit.
    pub fn at_least(mut self, lowest: &[f32]) -> Self {
        for ((point, bounds), lowest) in self.points.iter_mut().zip(&mut self.bounds).zip(lowest.iter().cycle()) {
            // `f32::max` is not used, because it would replace unknown bounds, which are NaN.
            for value in [point].into_iter().chain(bounds).filter(|value| **value < *lowest) {
                *value = *lowest;
            }
        }
        self
    }

    /// Copies the items with the indices `values` from the point forecasts and from the bounds.
    pub fn range(&self, values: Range<usize>) -> Self {
        Self { points: self.points[values.clone()].to_vec(), bounds: self.bounds[values].to_vec() }
    }

    /// Appends the forecasts of later windows.
    pub fn extend(&mut self, later: Self) {
        self.points.extend(later.points);
        self.bounds.extend(later.bounds);
    }
}

/// Computes the quantile of sorted numbers at `level`, with linear interpolation.
fn quantile(sorted: &[f32], level: f64) -> f32 {
    let place = level * (sorted.len() - 1) as f64;
    let (low, fraction) = (place.floor() as usize, (place - place.floor()) as f32);
    let high = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + fraction * (high - sorted[low])
}

/// How far each of the four bounds at [`LEVELS`] is moved outwards, in standardised units, for each step and each
/// target: `[H, targets]`, where H is the horizon in steps.
struct Calibration(Vec<[f32; 4]>);

impl Calibration {
    /// Computes how far to move each bound, from the bounds of past forecasts and the observed values, `truth`.
    /// `values` is the number of values in a window: steps of the horizon times targets.
    fn fit(bounds: &[[f32; 4]], truth: &[f32], values: usize) -> Self {
        let mut excess = Vec::with_capacity(bounds.len() / values);
        let of = |value: usize| {
            std::array::from_fn(|bound| {
                // How far each observed value lies beyond the bound; negative if the value lies on the side of the
                // point forecast.
                excess.clear();
                let places = (value..bounds.len()).step_by(values);
                excess.extend(places.map(|at| SIDES[bound] * (truth[at] - bounds[at][bound])));
                let beyond = LEVELS[bound].min(1.0 - LEVELS[bound]);
                // `+ 1`: split conformal prediction counts the value to forecast as one more observed value.
                let rank = ((1.0 - beyond) * (excess.len() + 1) as f64).ceil() as usize;
                let rank = rank.clamp(1, excess.len()) - 1;
                *excess.select_nth_unstable_by(rank, f32::total_cmp).1
            })
        };
        Self((0..values).map(of).collect())
    }

    /// Moves the bounds outwards by the fitted shifts, or inwards if a shift is negative. Then widens the intervals
    /// where necessary: the 80 % interval must contain the point forecast, and the 95 % interval the 80 % interval.
    fn apply(&self, points: &[f32], bounds: &mut [[f32; 4]]) {
        for ((&point, bounds), shifts) in points.iter().zip(bounds).zip(self.0.iter().cycle()) {
            let [lowest, low, high, highest]: [f32; 4] =
                std::array::from_fn(|bound| bounds[bound] + SIDES[bound] * shifts[bound]);
            let (low, high) = (low.min(point), high.max(point));
            *bounds = [lowest.min(low), low, high, highest.max(high)];
        }
    }
}

/// The smallest number of past windows for a calibration of the intervals. With n windows, the smallest probability
/// that can be estimated is 1 / (n + 1), and each bound of the 95 % interval needs a probability of 0.025.
pub const FEWEST: usize = 39;
/// The largest number of calibrations per call of [`Forecasts::calibrated`]. Each calibration is used for a block of
/// consecutive windows.
const RENEWALS: usize = 20;

impl Forecasts {
    /// Divides the windows into blocks, and calibrates the bounds of each block on the most recent windows that ended
    /// before the block.
    ///
    /// `origins` are the first forecast rows of all windows, `horizon` is the number of rows that a window forecasts,
    /// and `truth` are the observed values of all windows. The first `count` windows are used only for calibration, and
    /// are not in the result. Each calibration uses the latest `count` windows whose values are all known at the time
    /// of the forecast. If there are fewer than [`FEWEST`] such windows, the bounds are not calibrated: they stay
    /// unchanged if the network predicts intervals itself (`has_intervals`), and become NaN if it does not.
    pub fn calibrated(
        mut self,
        count: usize,
        origins: &[usize],
        horizon: usize,
        truth: &[f32],
        has_intervals: bool,
    ) -> Self {
        let values = self.points.len() / origins.len().max(1);
        let original = self.bounds.clone();
        let length = (origins.len() - count).div_ceil(RENEWALS).max(1);
        for start in (count..origins.len()).step_by(length) {
            let known = origins.partition_point(|origin| origin + horizon <= origins[start]);
            let past = known.saturating_sub(count) * values..known * values;
            let block = start * values..(start + length).min(origins.len()) * values;
            if past.len() < FEWEST * values {
                if !has_intervals {
                    self.bounds[block].fill([f32::NAN; 4]);
                }
                continue;
            }
            let calibration = Calibration::fit(&original[past.clone()], &truth[past], values);
            calibration.apply(&self.points[block.clone()], &mut self.bounds[block]);
        }
        Self { points: self.points.split_off(count * values), bounds: self.bounds.split_off(count * values) }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn quantiles_of_sample_paths_are_interpolated() {
        let samples: Vec<f32> = (0..=100).flat_map(|path| [path as f32, 10.0 * path as f32]).collect();
        let forecast = Forecasts::of_sample_paths(&samples, 101, 2);
        assert_eq!(forecast.points, [50.0, 500.0]);
        approx::assert_relative_eq!(forecast.bounds[1][..], [25.0, 100.0, 900.0, 975.0][..], epsilon = 1e-3);
    }

    #[test]
    fn forecasts_are_raised_to_the_lowest_value_of_their_target() {
        let forecasts =
            Forecasts { points: vec![-1.0, -1.0, 3.0], bounds: vec![[-2.0, -1.0, 0.5, 1.0], [-2.0; 4], [f32::NAN; 4]] };
        let raised = forecasts.at_least(&[0.0, f32::NEG_INFINITY]);
        assert_eq!(raised.points, [0.0, -1.0, 3.0]);
        assert_eq!(raised.bounds[..2], [[0.0, 0.0, 0.5, 1.0], [-2.0; 4]]);
        assert!(raised.bounds[2].iter().all(|bound| bound.is_nan()));
    }

    /// The network's intervals are too narrow for the first step and too wide for the second, and the errors are twice
    /// as large in the second half of the windows. Calibrated intervals cover the nominal fraction in the first half and
    /// in the last quarter.
    #[test]
    fn calibrated_intervals_cover_the_nominal_fraction() {
        const WINDOWS: usize = 6000;
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let truth: Vec<f32> = (0..WINDOWS)
            .flat_map(|window| {
                let size = if window < WINDOWS / 2 { 1.0 } else { 2.0 };
                [2.0 * size * normal(), 0.1 * size * normal()]
            })
            .collect();
        let forecast =
            Forecasts { points: vec![0.0; 2 * WINDOWS], bounds: vec![[-0.98, -0.64, 0.64, 0.98]; 2 * WINDOWS] };
        let origins: Vec<usize> = (0..WINDOWS).collect();
        let calibrated = forecast.calibrated(1000, &origins, 2, &truth, false);
        assert_eq!((calibrated.points.len(), calibrated.bounds.len()), (2 * 5000, 2 * 5000));
        let truth = &truth[2 * 1000..];
        for step in 0..2 {
            for (low, high, nominal) in [(1, 2, 0.8), (0, 3, 0.95)] {
                for part in [step..4000, 7000 + step..10_000] {
                    let places = part.clone().step_by(2);
                    let covered = places.filter(|&at| {
                        calibrated.bounds[at][low] <= truth[at] && truth[at] <= calibrated.bounds[at][high]
                    });
                    let fraction = covered.count() as f64 / (part.len() / 2) as f64;
                    approx::assert_abs_diff_eq!(fraction, nominal, epsilon = 0.03);
                }
            }
        }
    }

    /// A window that has not ended does not affect the calibration.
    #[test]
    fn unknown_values_do_not_calibrate() {
        let origins: Vec<usize> = (10..130).collect();
        let forecast = || Forecasts { points: vec![0.0; 120], bounds: vec![[-2.0, -1.0, 1.0, 2.0]; 120] };
        let truth = |later: f32| (0..120).map(|window| if window < 90 { 1.0 } else { later }).collect::<Vec<f32>>();
        let [one, other] = [1.0, 50.0].map(|later| forecast().calibrated(80, &origins, 4, &truth(later), true));
        // The value of window 90 is known four rows later: the fifteenth of the last 40 windows may use it first.
        assert_eq!(one.bounds[..14], other.bounds[..14]);
        assert_ne!(one.bounds[14..], other.bounds[14..]);
    }

    #[test]
    fn without_past_windows_only_own_intervals_remain() {
        for windows in [3, 41] {
            let forecast = || Forecasts { points: vec![0.0; windows], bounds: vec![[-2.0, -1.0, 1.0, 2.0]; windows] };
            let origins: Vec<usize> = (10..10 + windows).collect();
            let known = |has_intervals| {
                forecast().calibrated(windows - 1, &origins, 4, &vec![1.0; windows], has_intervals).bounds
            };
            assert_eq!(known(true), [[-2.0, -1.0, 1.0, 2.0]]);
            assert!(known(false).iter().flatten().all(|bound| bound.is_nan()));
        }
    }
}
