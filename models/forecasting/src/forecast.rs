//! Forecasts as numbers: the point and the ends of two intervals of each value, and how wide those have to be.
//!
//! Intervals are calibrated by conformal prediction ([Romano et al. 2019](https://arxiv.org/abs/1905.03222)): each end is moved by
//! as much as would have left as many of the latest known values beyond it as it claims, step by step, but never beyond the
//! point. What is latest moves on with time, as what is usual does ([Xu & Xie 2021](https://arxiv.org/abs/2010.09107)).

use burn::tensor::Tensor;

use crate::head::Head;

/// The quantiles that are the ends of the 95 % and the 80 % interval, from the lowest.
pub const LEVELS: [f64; 4] = [0.025, 0.1, 0.9, 0.975];

/// Where outwards is, at each of them.
const SIDES: [f32; 4] = [-1.0, -1.0, 1.0, 1.0];

/// Forecasts of some windows, `[windows, H, targets]` in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The numbers to expect.
    pub points: Vec<f32>,
    /// The ends of the intervals around them, at [`LEVELS`]; NaN where nothing tells how wide they are.
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

/// By how much the ends of intervals, at [`LEVELS`], have to be moved outwards: of each step and target, `[H, targets]`.
struct Calibration(Vec<[f32; 4]>);

impl Calibration {
    /// Finds them on forecasts whose values are known; `values` is how many values a window has, `H · targets`.
    fn fit(ends: &[[f32; 4]], truth: &[f32], values: usize) -> Self {
        let mut beyond = Vec::with_capacity(ends.len() / values);
        let of = |value: usize| {
            std::array::from_fn(|end| {
                // How far each value lay beyond this end.
                beyond.clear();
                beyond.extend((value..ends.len()).step_by(values).map(|at| SIDES[end] * (truth[at] - ends[at][end])));
                let share = LEVELS[end].min(1.0 - LEVELS[end]);
                // One more than there are: the value to come is one of them.
                let rank = ((1.0 - share) * (beyond.len() + 1) as f64).ceil() as usize;
                let rank = rank.clamp(1, beyond.len()) - 1;
                *beyond.select_nth_unstable_by(rank, f32::total_cmp).1
            })
        };
        Self((0..values).map(of).collect())
    }

    /// Moves the ends of intervals; those of the wider one are never within the narrower one, which holds the point.
    fn apply(&self, points: &[f32], ends: &mut [[f32; 4]]) {
        for ((&point, ends), ways) in points.iter().zip(ends).zip(self.0.iter().cycle()) {
            let [lowest, low, high, highest]: [f32; 4] = std::array::from_fn(|end| ends[end] + SIDES[end] * ways[end]);
            let (low, high) = (low.min(point), high.max(point));
            *ends = [lowest.min(low), low, high, highest.max(high)];
        }
    }
}

/// The windows that calibration needs: among fewer none is as rare as what lies beyond an end of the 95 % interval.
pub const FEWEST: usize = 39;
/// How often intervals are calibrated anew over a part.
const RENEWALS: usize = 20;

impl Forecast {
    /// The forecasts of the last windows, calibrated on those before them: `origins` are those of all windows, the first `count` of
    /// which serve for that alone, and `truth` holds their values. Time and again it is found anew how far ends have
    /// to move, on as many windows, the last ones of which every value was known before the forecast; of too few, intervals stay
    /// as they are where `claimed`, and are not known otherwise.
    pub fn calibrated(mut self, count: usize, origins: &[usize], horizon: usize, truth: &[f32], claimed: bool) -> Self {
        let values = self.points.len() / origins.len().max(1);
        let said = self.ends.clone();
        let length = (origins.len() - count).div_ceil(RENEWALS).max(1);
        for start in (count..origins.len()).step_by(length) {
            let known = origins.partition_point(|origin| origin + horizon <= origins[start]);
            let before = known.saturating_sub(count) * values..known * values;
            let block = start * values..(start + length).min(origins.len()) * values;
            if before.len() < FEWEST * values {
                if !claimed {
                    self.ends[block].fill([f32::NAN; 4]);
                }
                continue;
            }
            let calibration = Calibration::fit(&said[before.clone()], &truth[before], values);
            calibration.apply(&self.points[block.clone()], &mut self.ends[block]);
        }
        Self { points: self.points.split_off(count * values), ends: self.ends.split_off(count * values) }
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

    /// Claimed intervals are far too narrow for the first step and too wide for the second, and later errors are twice as large;
    /// calibrated, they hold as many values as they claim, before and after.
    #[test]
    fn calibrated_intervals_hold_what_they_claim() {
        const WINDOWS: usize = 6000;
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let truth: Vec<f32> = (0..WINDOWS)
            .flat_map(|window| {
                let size = if window < WINDOWS / 2 { 1.0 } else { 2.0 };
                [2.0 * size * normal(), 0.1 * size * normal()]
            })
            .collect();
        let forecast = Forecast { points: vec![0.0; 2 * WINDOWS], ends: vec![[-0.98, -0.64, 0.64, 0.98]; 2 * WINDOWS] };
        let origins: Vec<usize> = (0..WINDOWS).collect();
        let found = forecast.calibrated(1000, &origins, 2, &truth, false);
        assert_eq!((found.points.len(), found.ends.len()), (2 * 5000, 2 * 5000));
        let truth = &truth[2 * 1000..];
        for step in 0..2 {
            for (low, high, claim) in [(1, 2, 0.8), (0, 3, 0.95)] {
                for part in [step..4000, 7000 + step..10_000] {
                    let places = part.clone().step_by(2);
                    let held =
                        places.filter(|&at| found.ends[at][low] <= truth[at] && truth[at] <= found.ends[at][high]);
                    let share = held.count() as f64 / (part.len() / 2) as f64;
                    approx::assert_abs_diff_eq!(share, claim, epsilon = 0.03);
                }
            }
        }
    }

    /// A window that is not over yet tells nothing of how wide intervals have to be.
    #[test]
    fn nothing_is_calibrated_on_what_is_not_known_yet() {
        let origins: Vec<usize> = (10..130).collect();
        let forecast = || Forecast { points: vec![0.0; 120], ends: vec![[-2.0, -1.0, 1.0, 2.0]; 120] };
        let truth = |later: f32| (0..120).map(|window| if window < 90 { 1.0 } else { later }).collect::<Vec<f32>>();
        let [one, other] = [1.0, 50.0].map(|later| forecast().calibrated(80, &origins, 4, &truth(later), true));
        // The value of the window 90 is known four rows later: of the last 40, the fifteenth is the first that may know it.
        assert_eq!(one.ends[..14], other.ends[..14]);
        assert_ne!(one.ends[14..], other.ends[14..]);
    }

    #[test]
    fn intervals_of_which_nothing_is_known_are_not_made_up() {
        for windows in [3, 41] {
            let forecast = || Forecast { points: vec![0.0; windows], ends: vec![[-2.0, -1.0, 1.0, 2.0]; windows] };
            let origins: Vec<usize> = (10..10 + windows).collect();
            let known = |claimed| forecast().calibrated(windows - 1, &origins, 4, &vec![1.0; windows], claimed).ends;
            assert_eq!(known(true), [[-2.0, -1.0, 1.0, 2.0]]);
            assert!(known(false).iter().flatten().all(|end| end.is_nan()));
        }
    }
}
