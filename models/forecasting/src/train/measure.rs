//! Metrics of forecasts: errors, coverage of the intervals, and comparisons with baselines.

use training::{Comparison, Measured, Metric, Skill};

use super::classical::{Baseline, HoltWinters};
use super::statistics::{Estimate, diebold_mariano, mean, pinball, proportion, skill, smape};
use crate::calibration::{Forecasts, LEVELS};
use crate::frame::{Frame, Windows};

/// The seed of the bootstrap that computes confidence intervals.
const SEED: u64 = 1;

/// The largest mean loss of a baseline, in standardised units, that counts as 0. Rounding errors are smaller than this
/// value. If the loss of a baseline counts as 0, the skill over this baseline is undefined.
pub const NO_ERROR: f64 = 1e-5;

/// The metrics of each baseline, by the baseline's name.
pub type BaselineMetrics = Vec<(String, Vec<Metric>)>;

/// The losses of a model and of baselines, one per window.
#[derive(Clone, Debug)]
pub struct Losses {
    /// The name of the metric that is the mean of the losses.
    pub metric: &'static str,
    /// The losses of the model, in the order of the windows.
    pub model: Vec<f64>,
    /// The losses of each baseline, in the order of the windows, with the baseline's name.
    pub baselines: Vec<(String, Vec<f64>)>,
    /// The largest number of windows that forecast the same row. The losses of such windows are correlated.
    pub overlap: usize,
}

impl Losses {
    /// Returns the mean loss of the model, and comparisons with all baselines.
    pub fn measured(&self) -> Measured {
        // `block` is the length of a bootstrap block in windows. It is longer than the overlap, because windows without
        // a common row also have correlated losses.
        let block = (2 * self.overlap).max((self.model.len() as f64).sqrt() as usize);
        let comparison = |(baseline, losses): &(String, Vec<f64>)| {
            let value = mean(losses.iter().copied());
            let skill = (value > NO_ERROR).then(|| {
                let Estimate { value, interval } = skill(&self.model, losses, block, SEED);
                Skill { value, interval, p: diebold_mariano(&self.model, losses, block) }
            });
            Comparison { metric: self.metric.to_owned(), baseline: baseline.clone(), value, skill }
        };
        Measured {
            metrics: vec![Metric::lower(self.metric, mean(self.model.iter().copied()))],
            comparisons: self.baselines.iter().map(comparison).collect(),
        }
    }

    /// Appends the losses of later windows of the same model and baselines.
    pub fn and(mut self, later: Self) -> Self {
        self.model.extend(later.model);
        for (name, losses) in later.baselines {
            match self.baselines.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(losses),
                None => self.baselines.push((name, losses)),
            }
        }
        self
    }
}

/// Returns the mean absolute error of each window in standardised units, for the model and the baselines persistence,
/// seasonal persistence and Holt-Winters.
pub fn absolute_errors(forecasts: &Forecasts, windows: &Windows) -> Losses {
    let naive = [Baseline::Persistence, Baseline::Seasonal(windows.frame.season)];
    let naive = naive.iter().map(|naive| (naive.name(), points(windows, naive)));
    let smoothed = holt_winters(windows).map(|points| ("Holt-Winters", points));
    let of = |points: &[f32]| of_windows(windows, points, f64::abs);
    let baselines = naive.chain(smoothed).map(|(name, points)| (name.to_owned(), of(&points))).collect();
    Losses { metric: "mae", model: of(&forecasts.points), baselines, overlap: windows.overlap() }
}

/// Computes all metrics of a model that forecasts values (not volatilities or directions), and compares its losses with
/// the losses of the baselines.
pub fn values(forecasts: &Forecasts, windows: &Windows) -> Measured {
    let mut measured = absolute_errors(forecasts, windows).measured();
    measured.metrics.extend(errors(windows, &forecasts.points).into_iter().filter(|metric| metric.name != "mae"));
    let squares = of_windows(windows, &points(windows, &Baseline::Persistence), |error| error * error);
    measured.comparisons.push(Comparison {
        metric: "mse".to_owned(),
        baseline: Baseline::Persistence.name().to_owned(),
        value: mean(squares),
        skill: None,
    });
    if windows.frame.targets == 1 {
        measured.metrics.push(direction(forecasts, windows));
    }
    measured.metrics.extend(intervals(forecasts, windows));
    measured
}

/// Returns the error metrics of each baseline over the given windows.
pub fn baselines(windows: &Windows) -> BaselineMetrics {
    let quick = [Baseline::Persistence, Baseline::Seasonal(windows.frame.season), Baseline::Drift];
    let rows = quick.iter().map(|quick| (quick.name().to_owned(), errors(windows, &points(windows, quick))));
    let smoothed = holt_winters(windows).map(|points| ("Holt-Winters".to_owned(), errors(windows, &points)));
    rows.chain(smoothed).collect()
}

/// Returns the forecasts of a baseline without fitted parameters, `[windows, horizon, targets]`.
fn points(windows: &Windows, baseline: &Baseline) -> Vec<f32> {
    of_columns(windows, |column| baseline.forecasts(column, windows.origins.iter().copied(), windows.horizon))
}

/// Returns the forecasts of Holt–Winters exponential smoothing, `[windows, horizon, targets]`. One model per target is
/// fitted to the training part. Returns `None` if the training part is too short.
fn holt_winters(windows: &Windows) -> Option<Vec<f32>> {
    let Windows { frame, origins, horizon, .. } = windows;
    let fitted = (0..frame.targets)
        .map(|target| HoltWinters::fit(&frame.column(target)[..frame.train], frame.season))
        .collect::<Option<Vec<_>>>()?;
    let mut fitted = fitted.into_iter().map(Baseline::HoltWinters);
    Some(of_columns(windows, |column| {
        fitted.next().map_or(Vec::new(), |fitted| fitted.forecasts(column, origins.iter().copied(), *horizon))
    }))
}

/// Computes the forecasts of all targets, `[windows, horizon, targets]`. `forecasts` returns the forecasts of one
/// target, `[windows, horizon]`, given all values of its column.
fn of_columns(windows: &Windows, mut forecasts: impl FnMut(&[f32]) -> Vec<f32>) -> Vec<f32> {
    let targets = windows.frame.targets;
    let mut points = vec![0.0; windows.len() * windows.horizon * targets];
    for target in 0..targets {
        let forecasts = forecasts(&windows.frame.column(target));
        for (place, forecast) in points.iter_mut().skip(target).step_by(targets).zip(forecasts) {
            *place = forecast;
        }
    }
    points
}

/// Returns the mean of `loss` over the errors of each window, in standardised units: one value per window.
fn of_windows(windows: &Windows, points: &[f32], loss: fn(f64) -> f64) -> Vec<f64> {
    let size = windows.horizon * windows.frame.targets;
    let truth = windows.truth();
    let window = |(points, truth): (&[f32], &[f32])| mean(points.iter().zip(truth).map(error).map(loss));
    points.chunks(size).zip(truth.chunks(size)).map(window).collect()
}

fn error((point, truth): (&f32, &f32)) -> f64 {
    f64::from(point - truth)
}

/// Computes error metrics over all windows, steps and targets: `mse` and `mae` in standardised units; `mase` (Hyndman &
/// Koehler 2006), which is undefined if a target never changes from one season to the next; `smape`; and for a single
/// target `mae_in_units` and `rmse_in_units`.
pub fn errors(windows: &Windows, points: &[f32]) -> Vec<Metric> {
    let frame = &windows.frame;
    let targets = frame.targets;
    let truth = windows.truth();
    let scaled = |target: usize| {
        let errors = points.iter().zip(&truth).skip(target).step_by(targets).map(error);
        let change = seasonal_change(frame, target);
        if change > 0.0 { mean(errors.map(f64::abs)) / change } else { f64::NAN }
    };
    let percentage = |(place, (point, truth)): (usize, (&f32, &f32))| {
        let [point, truth] = [point, truth].map(|value| frame.scaler.restore(place % targets, *value));
        smape(point, truth)
    };
    let pairs = || points.iter().zip(&truth);
    let (mse, mae) = (mean(pairs().map(error).map(|error| error * error)), mean(pairs().map(error).map(f64::abs)));
    let mut metrics = vec![
        Metric::lower("mse", mse),
        Metric::lower("mae", mae),
        Metric::lower("mase", mean((0..targets).map(scaled))),
        Metric::lower("smape", mean(pairs().enumerate().map(percentage))).with_unit("%"),
    ];
    if targets == 1 {
        let unit = frame.scaler.deviations[0];
        metrics.push(Metric::lower("mae_in_units", mae * unit));
        metrics.push(Metric::lower("rmse_in_units", mse.sqrt() * unit));
    }
    metrics
}

/// Returns the mean absolute difference between values one season apart, for one target in the training part.
fn seasonal_change(frame: &Frame, target: usize) -> f64 {
    let column = frame.column(target);
    let training = &column[..frame.train];
    mean(training.iter().skip(frame.season).zip(training).map(|(after, before)| f64::from((after - before).abs())))
}

/// Returns the directional accuracy: the fraction of windows in which the forecast of the last step and the observed
/// value of this step lie on the same side of the last value before the forecast. Only windows that do not overlap are
/// counted. Windows in which the observed value equals the last value before the forecast are left out.
fn direction(forecasts: &Forecasts, windows: &Windows) -> Metric {
    let (horizon, frame) = (windows.horizon, &windows.frame);
    let moves = windows.origins.iter().zip(forecasts.points.chunks(horizon)).step_by(windows.overlap());
    let hits = moves.filter_map(|(&origin, points)| {
        let last = frame.value(origin - 1, 0);
        let change = frame.value(origin + horizon - 1, 0) - last;
        (change != 0.0).then_some((points[horizon - 1] > last) == (change > 0.0))
    });
    let hits: Vec<bool> = hits.collect();
    let Estimate { value, interval } = proportion(hits.iter().filter(|hit| **hit).count(), hits.len());
    Metric::higher("direction", value).with_interval(interval)
}

/// Returns the coverage of the 80 % and the 95 % interval, and the mean quantile loss of the interval bounds and the
/// point forecast, over all forecast values with known bounds.
pub fn intervals(forecasts: &Forecasts, windows: &Windows) -> [Metric; 3] {
    let truth = windows.truth();
    let known: Vec<(f32, [f32; 4], f32)> = (forecasts.points.iter().zip(&forecasts.bounds).zip(&truth))
        .map(|((&point, &bounds), &truth)| (point, bounds, truth))
        .filter(|(_, bounds, _)| bounds.iter().all(|bound| bound.is_finite()))
        .collect();
    let coverage = |low: usize, high: usize| {
        let covered = known.iter().filter(|(_, bounds, truth)| (bounds[low]..=bounds[high]).contains(truth));
        covered.count() as f64 / known.len() as f64
    };
    let of = |(point, bounds, truth): &(f32, [f32; 4], f32)| {
        let quantiles = bounds.iter().zip(LEVELS).chain([(point, 0.5)]);
        mean(quantiles.map(|(quantile, level)| pinball(f64::from(*quantile), f64::from(*truth), level)))
    };
    let pinball = mean(known.iter().map(of));
    [
        Metric::higher("coverage_80", coverage(1, 2)),
        Metric::higher("coverage_95", coverage(0, 3)),
        Metric::lower("pinball", pinball),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::tests::days;

    /// Six training steps, which change by 1 over a season of 2; two windows of two steps are measured.
    fn windows() -> Windows {
        Windows::new(days(&[0, 2, 1, 3, 2, 4, 3, 9, 4, 16], 6, 2), 6..10, 2, 2, 2)
    }

    #[test]
    fn errors_equal_their_definitions() {
        let windows = windows();
        let standardised = |value: &f64| windows.frame.scaler.standardise(0, *value);
        let points: Vec<f32> = [3.0, 3.0, 6.0, 16.0].iter().map(standardised).collect();
        let errors: Measured = errors(&windows, &points).into();
        let error = |name: &str| errors.get(name).unwrap();
        approx::assert_relative_eq!(error("mae_in_units"), 2.0, max_relative = 1e-6);
        approx::assert_relative_eq!(error("rmse_in_units"), 10f64.sqrt(), max_relative = 1e-6);
        approx::assert_relative_eq!(error("mase"), 2.0, max_relative = 1e-6);
        approx::assert_relative_eq!(error("smape"), (0.0 + 100.0 + 40.0 + 0.0) / 4.0, max_relative = 1e-6);
        // In the first window, the value changes from 4 to 9, and the forecast is 3. In the second, it changes from 9
        // to 16, as forecast.
        let forecasts = Forecasts { points, bounds: Vec::new() };
        assert_eq!(direction(&forecasts, &windows).value, 0.5);
        let losses = absolute_errors(&forecasts, &windows);
        let unit = windows.frame.scaler.deviations[0];
        let in_units = |name: &str| -> Vec<f64> {
            let (_, losses) = losses.baselines.iter().find(|(known, _)| known == name).unwrap();
            losses.iter().map(|loss| loss * unit).collect()
        };
        approx::assert_relative_eq!(in_units("persistence")[..], [3.0, 6.0][..], max_relative = 1e-6);
        approx::assert_relative_eq!(in_units("seasonal persistence")[..], [3.0, 4.0][..], max_relative = 1e-6);
    }

    #[test]
    fn measures_that_divide_by_zero_are_undefined() {
        let windows = Windows::new(days(&[0, 2, 0, 2, 0, 2, 0, 2, 0, 2], 6, 2), 6..10, 2, 2, 2);
        let forecasts = Forecasts { points: vec![0.0; 4], bounds: vec![[-2.0, -1.0, 1.0, 2.0]; 4] };
        let measured = values(&forecasts, &windows);
        assert!(measured.get("mase").unwrap().is_nan());
        let of = |baseline| measured.comparison("mae", baseline).unwrap();
        assert_eq!((of("seasonal persistence").value, of("seasonal persistence").skill), (0.0, None));
        assert!(of("persistence").skill.is_some());
        assert!(measured.flat().values().all(|value| !value.is_infinite()));
    }

    proptest! {
        #[test]
        fn no_measure_of_a_repeated_season_is_infinite(season in prop::collection::vec(0..3i32, 1..4)) {
            let values: Vec<i32> = season.iter().copied().cycle().take(24).collect();
            let windows = Windows::new(days(&values, 16, season.len()), 16..24, 2, 2, 2);
            let forecasts = Forecasts { points: vec![0.0; 8], bounds: vec![[-2.0, -1.0, 1.0, 2.0]; 8] };
            prop_assert!(super::values(&forecasts, &windows).flat().values().all(|value| !value.is_infinite()));
        }
    }

    /// The names of the metrics must not change, because they are keys in recipes (table `[expected]`) and in packages
    /// (files of a trained model) of the older format 1.
    #[test]
    fn flat_keys_stay() {
        let windows = windows();
        let forecasts = Forecasts { points: vec![0.0; 4], bounds: vec![[-2.0, -1.0, 1.0, 2.0]; 4] };
        let flat = values(&forecasts, &windows).flat();
        let keys: Vec<&str> = flat.keys().map(String::as_str).collect();
        let of = |baseline: &str| {
            let key = format!("mae_{baseline}");
            let skill = format!("skill_{key}");
            [format!("p_{key}"), format!("{skill}_low"), format!("{skill}_high"), skill, key]
        };
        let others =
            ["coverage_80", "coverage_95", "direction", "direction_high", "direction_low", "mae", "mae_in_units"];
        let more = ["mase", "mse", "mse_persistence", "pinball", "rmse_in_units", "smape"];
        let mut expected: Vec<String> = others.iter().chain(&more).map(|key| (*key).to_owned()).collect();
        expected.extend(["persistence", "seasonal_persistence", "holt_winters"].into_iter().flat_map(of));
        expected.sort();
        assert_eq!(keys, expected);
    }
}
