//! How far off the forecasts of a part are, beside yardsticks, and whether that is more than chance.

use std::collections::BTreeMap;

use burn::tensor::Device;
use training::Metrics;
use training::progress::key;

use crate::classical::{HoltWinters, Yardstick};
use crate::forecast::{Forecast, LEVELS};
use crate::frame::{Frame, Windows};
use crate::head::Head;
use crate::metrics::{Estimate, diebold_mariano, mean, pinball, share, skill, smape};
use crate::model::Model;

/// Windows that are measured together.
const BATCH: usize = 64;
/// Of what is drawn to find intervals of skill.
const SEED: u64 = 1;

/// The mean cost of a part, as in training.
pub fn cost(model: &Model, head: Head, windows: &Windows, device: &Device) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for origins in windows.origins.chunks(BATCH) {
        let (said, values) = model.teach(windows, origins, device);
        let cost = head.cost(said, values, &windows.frame.scaler).into_scalar::<f32>();
        sum += f64::from(cost) * origins.len() as f64;
        count += origins.len();
    }
    sum / count as f64
}

/// The forecasts of all windows of a part, with intervals calibrated on those before them.
pub fn forecasts(model: &Model, head: Head, windows: &Windows, device: &Device) -> Forecast {
    let before = if head == Head::Direction { Vec::new() } else { windows.before() };
    let count = before.len();
    let all = Windows { origins: [before, windows.origins.clone()].concat(), ..windows.clone() };
    let mut forecast = Forecast::default();
    for origins in all.origins.chunks(BATCH) {
        let Forecast { points, ends } = model.forecast(head, &all, origins, device);
        forecast.points.extend(points);
        forecast.ends.extend(ends);
    }
    forecast.calibrated(count, &all.origins, windows.horizon, &truth(&all), head.has_intervals())
}

/// The values of all windows, `[windows, H, targets]`, standardised.
pub fn truth(windows: &Windows) -> Vec<f32> {
    let frame = &windows.frame;
    let rows = windows.origins.iter().flat_map(|&origin| origin..origin + windows.horizon);
    rows.flat_map(|row| (0..frame.targets).map(move |target| frame.value(row, target))).collect()
}

/// What each window costs, by a model and by yardsticks.
#[derive(Clone, Debug)]
pub struct Costs {
    /// The name of the cost.
    pub name: &'static str,
    /// Of the model, in order of the windows.
    pub own: Vec<f64>,
    /// Of each yardstick.
    pub others: BTreeMap<String, Vec<f64>>,
    /// How many windows forecast one and the same step.
    pub overlap: usize,
}

impl Costs {
    /// The mean cost, and those of the yardsticks: `mae`, `mae_persistence`.
    pub fn means(&self) -> Metrics {
        let row =
            |(name, costs): (&String, &Vec<f64>)| (format!("{}_{}", self.name, key(name)), mean(costs.iter().copied()));
        let own = (self.name.to_owned(), mean(self.own.iter().copied()));
        self.others.iter().map(row).chain([own]).collect()
    }

    /// By how much the model's cost is smaller than that of each yardstick, with a 95 % interval, and how probable so much were
    /// by chance: `skill_mae_persistence`, `…_low`, `…_high`; `p_mae_persistence`.
    pub fn skills(&self) -> Metrics {
        let mut metrics = Metrics::new();
        // As far as costs go together: beyond what forecasts share, errors last.
        let block = (2 * self.overlap).max((self.own.len() as f64).sqrt() as usize);
        for (name, costs) in &self.others {
            let name = format!("{}_{}", self.name, key(name));
            metrics.extend(estimate(&format!("skill_{name}"), skill(&self.own, costs, block, SEED)));
            metrics.insert(format!("p_{name}"), diebold_mariano(&self.own, costs, block));
        }
        metrics
    }

    /// With those of later windows.
    pub fn and(mut self, later: Self) -> Self {
        self.own.extend(later.own);
        for (name, costs) in later.others {
            self.others.entry(name).or_default().extend(costs);
        }
        self
    }
}

/// The mean absolute error of each window, standardised, beside persistence, seasonal persistence and exponential smoothing.
pub fn absolute_errors(forecast: &Forecast, windows: &Windows) -> Costs {
    let naive = [Yardstick::Persistence, Yardstick::Seasonal(windows.frame.season)];
    let naive = naive.iter().map(|naive| (naive.name(), points(windows, naive)));
    let smoothed = holt_winters(windows).map(|points| ("Holt-Winters", points));
    let of = |points: &[f32]| of_windows(windows, points, f64::abs);
    let others = naive.chain(smoothed).map(|(name, points)| (name.to_owned(), of(&points))).collect();
    Costs { name: "mae", own: of(&forecast.points), others, overlap: windows.overlap() }
}

/// All that is measured of numbers and of the intervals around them.
pub fn values(forecast: &Forecast, windows: &Windows) -> Metrics {
    let mut metrics = errors(windows, &forecast.points);
    let costs = absolute_errors(forecast, windows);
    metrics.extend(costs.means());
    metrics.extend(costs.skills());
    let naive = of_windows(windows, &points(windows, &Yardstick::Persistence), |error| error * error);
    metrics.insert("mse_persistence".to_owned(), mean(naive));
    if windows.frame.targets == 1 {
        metrics.extend(direction(forecast, windows));
    }
    metrics.extend(intervals(forecast, windows));
    metrics
}

/// What all yardsticks come to on a part, by their names.
pub fn yardsticks(windows: &Windows) -> BTreeMap<String, Metrics> {
    let quick = [Yardstick::Persistence, Yardstick::Seasonal(windows.frame.season), Yardstick::Drift];
    let mut rows: BTreeMap<String, Metrics> =
        quick.iter().map(|quick| (quick.name().to_owned(), errors(windows, &points(windows, quick)))).collect();
    rows.extend(holt_winters(windows).map(|points| ("Holt-Winters".to_owned(), errors(windows, &points))));
    rows
}

/// The forecasts of a yardstick that is not fitted, `[windows, H, targets]`.
fn points(windows: &Windows, yardstick: &Yardstick) -> Vec<f32> {
    of_columns(windows, |column| yardstick.forecasts(column, windows.origins.iter().copied(), windows.horizon))
}

/// Those of exponential smoothing, fitted to the training part of each target; `None` if that is shorter than two seasons.
fn holt_winters(windows: &Windows) -> Option<Vec<f32>> {
    let Windows { frame, origins, horizon, .. } = windows;
    let fitted = (0..frame.targets)
        .map(|target| HoltWinters::fit(&frame.column(target)[..frame.train], frame.season))
        .collect::<Option<Vec<_>>>()?;
    let mut fitted = fitted.into_iter().map(Yardstick::HoltWinters);
    Some(of_columns(windows, |column| {
        fitted.next().map_or(Vec::new(), |fitted| fitted.forecasts(column, origins.iter().copied(), *horizon))
    }))
}

/// Of what forecasts each target by itself, as `[windows, H]`: `[windows, H, targets]`.
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

/// The mean cost of the errors of each window.
fn of_windows(windows: &Windows, points: &[f32], cost: fn(f64) -> f64) -> Vec<f64> {
    let size = windows.horizon * windows.frame.targets;
    let truth = truth(windows);
    let window = |(points, truth): (&[f32], &[f32])| mean(points.iter().zip(truth).map(error).map(cost));
    points.chunks(size).zip(truth.chunks(size)).map(window).collect()
}

fn error((point, truth): (&f32, &f32)) -> f64 {
    f64::from(point - truth)
}

/// `mse` and `mae`, standardised, over all windows, steps and targets; `mase` (Hyndman & Koehler 2006), `smape`; and of a single
/// target `mae_in_units` and `rmse_in_units`.
fn errors(windows: &Windows, points: &[f32]) -> Metrics {
    let frame = &windows.frame;
    let targets = frame.targets;
    let truth = truth(windows);
    let scaled = |target: usize| {
        let errors = points.iter().zip(&truth).skip(target).step_by(targets).map(error);
        mean(errors.map(f64::abs)) / usual_change(frame, target)
    };
    let percentage = |(place, (point, truth)): (usize, (&f32, &f32))| {
        let [point, truth] = [point, truth].map(|value| f64::from(frame.scaler.restore(place % targets, *value)));
        smape(point, truth)
    };
    let pairs = || points.iter().zip(&truth);
    let (mse, mae) = (mean(pairs().map(error).map(|error| error * error)), mean(pairs().map(error).map(f64::abs)));
    let mut metrics = Metrics::from([
        ("mse".to_owned(), mse),
        ("mae".to_owned(), mae),
        ("mase".to_owned(), mean((0..targets).map(scaled))),
        ("smape".to_owned(), mean(pairs().enumerate().map(percentage))),
    ]);
    if targets == 1 {
        let unit = f64::from(frame.scaler.deviations[0]);
        metrics.insert("mae_in_units".to_owned(), mae * unit);
        metrics.insert("rmse_in_units".to_owned(), mse.sqrt() * unit);
    }
    metrics
}

/// The mean absolute change of a target over a season, in the training part.
fn usual_change(frame: &Frame, target: usize) -> f64 {
    let column = frame.column(target);
    let training = &column[..frame.train];
    mean(training.iter().skip(frame.season).zip(training).map(|(after, before)| f64::from((after - before).abs())))
}

/// How often the last step was forecast on the right side of the last known value, of windows that do not overlap.
fn direction(forecast: &Forecast, windows: &Windows) -> Metrics {
    let (horizon, frame) = (windows.horizon, &windows.frame);
    let moves = windows.origins.iter().zip(forecast.points.chunks(horizon)).step_by(windows.overlap());
    let hits = moves.filter_map(|(&origin, points)| {
        let last = frame.value(origin - 1, 0);
        let came = frame.value(origin + horizon - 1, 0) - last;
        (came != 0.0).then_some((points[horizon - 1] > last) == (came > 0.0))
    });
    let hits: Vec<bool> = hits.collect();
    estimate("direction", share(hits.iter().filter(|hit| **hit).count(), hits.len())).into()
}

/// How often intervals hold the value, and the mean quantile loss of their ends and of the middle; of those that are known.
pub fn intervals(forecast: &Forecast, windows: &Windows) -> Metrics {
    let truth = truth(windows);
    let known: Vec<(f32, [f32; 4], f32)> = (forecast.points.iter().zip(&forecast.ends).zip(&truth))
        .map(|((&point, &ends), &truth)| (point, ends, truth))
        .filter(|(_, ends, _)| ends.iter().all(|end| end.is_finite()))
        .collect();
    let held = |low: usize, high: usize| {
        let held = known.iter().filter(|(_, ends, truth)| (ends[low]..=ends[high]).contains(truth));
        held.count() as f64 / known.len() as f64
    };
    let of = |(point, ends, truth): &(f32, [f32; 4], f32)| {
        let quantiles = ends.iter().zip(LEVELS).chain([(point, 0.5)]);
        mean(quantiles.map(|(quantile, level)| pinball(f64::from(*quantile), f64::from(*truth), level)))
    };
    let pinball = mean(known.iter().map(of));
    [("coverage_80", held(1, 2)), ("coverage_95", held(0, 3)), ("pinball", pinball)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// A number and the ends of its interval.
pub fn estimate(name: &str, Estimate { value, interval: [low, high] }: Estimate) -> [(String, f64); 3] {
    [(name.to_owned(), value), (format!("{name}_low"), low), (format!("{name}_high"), high)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::days;

    /// Six steps to learn from, which change by 1 over a season of 2; two windows of two steps are measured.
    fn windows() -> Windows {
        Windows::new(days(&[0, 2, 1, 3, 2, 4, 3, 9, 4, 16], 6, 2), 6..10, 2, 2, 2)
    }

    #[test]
    fn errors_are_what_their_names_say() {
        let windows = windows();
        let standardised = |value: &f32| windows.frame.scaler.standardise(0, *value);
        let points: Vec<f32> = [3.0, 3.0, 6.0, 16.0].iter().map(standardised).collect();
        let errors = errors(&windows, &points);
        approx::assert_relative_eq!(errors["mae_in_units"], 2.0, max_relative = 1e-6);
        approx::assert_relative_eq!(errors["rmse_in_units"], 10f64.sqrt(), max_relative = 1e-6);
        approx::assert_relative_eq!(errors["mase"], 2.0, max_relative = 1e-6);
        approx::assert_relative_eq!(errors["smape"], (0.0 + 100.0 + 40.0 + 0.0) / 4.0, max_relative = 1e-6);
        // From 4 to 9, and 3 was said; from 9 to 16, as was said.
        let forecast = Forecast { points, ends: Vec::new() };
        assert_eq!(direction(&forecast, &windows)["direction"], 0.5);
        let costs = absolute_errors(&forecast, &windows);
        let unit = f64::from(windows.frame.scaler.deviations[0]);
        let in_units = |name: &str| costs.others[name].iter().map(|cost| cost * unit).collect::<Vec<_>>();
        approx::assert_relative_eq!(in_units("persistence")[..], [3.0, 6.0][..], max_relative = 1e-6);
        approx::assert_relative_eq!(in_units("seasonal persistence")[..], [3.0, 4.0][..], max_relative = 1e-6);
    }
}
