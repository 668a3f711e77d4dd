//! Volatility: how much tomorrow's price will move, from how much it moved so far; what a forecast of it is worth, and its
//! yardsticks.
//!
//! Returns are in percent, so that their variances are near 1. The variance of a day is never seen; in its place stands the one
//! that open, high, low and close tell of, much less noisy than a squared return.
//!
//! - Garman & Klass (1980), *On the estimation of security price volatilities from historical data*.
//! - J. P. Morgan (1996), *RiskMetrics*: EWMA with λ = 0.94.
//! - Bollerslev (1986), *Generalized autoregressive conditional heteroskedasticity*.
//! - Corsi (2009), *A simple approximate long-memory model of realized volatility*: HAR.

use std::collections::BTreeMap;

use datasets::{Locator, Series, stocks};
use training::{Metrics, TaskResult};

use crate::forecast::Forecast;
use crate::frame::{Frame, Windows};
use crate::measure::{Costs, intervals};
use crate::metrics::{mean, qlike};
use crate::simplex;

/// The columns of [`series`].
pub const COLUMNS: [&str; 3] = ["log_variance", "return", "log_vix"];
/// The least variance of a day, in percent squared: of a day without trade there would be none.
const LEAST: f64 = 1e-3;

/// Of each day on which the S&P 500 was traded, since the VIX is known (1990): the logarithm of its variance, its return in
/// percent, and the logarithm of the VIX at its end.
///
/// The variance is Garman and Klass's of the way from one close to the next, in percent squared:
/// `½ ln²(highest / lowest) − (2 ln 2 − 1) ln²(close / close before)`, the close before being one of the prices.
pub fn series(locator: &Locator) -> TaskResult<Series> {
    let (prices, vix) = (stocks::sp_500(locator)?, stocks::vix(locator)?);
    let column = |series: &Series, name: &str| {
        series.column(name).ok_or_else(|| format!("{} has no column `{name}`", series.source))
    };
    let [high, low, close] = [column(&prices, "High")?, column(&prices, "Low")?, column(&prices, "Close")?];
    let implied = column(&vix, "CLOSE")?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for day in 1..prices.len() {
        let time = prices.times[day];
        let Ok(known) = vix.times.binary_search(&time) else { continue };
        let before = f64::from(prices.row(day - 1)[close]);
        let [high, low, close] = [high, low, close].map(|column| f64::from(prices.row(day)[column]));
        let change = 100.0 * (close / before).ln();
        let range = 100.0 * (high.max(before) / low.min(before)).ln();
        let variance = 0.5 * range * range - (2.0 * std::f64::consts::LN_2 - 1.0) * change * change;
        times.push(time);
        values.extend([variance.max(LEAST).ln() as f32, change as f32, vix.row(known)[implied].ln()]);
    }
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let source = format!("{}; {}", prices.source, vix.source);
    Ok(Series { columns, times, values, notes: Vec::new(), source })
}

/// What forecasts of the logarithm of a day's variance cost, by QLIKE and by the absolute error of its root, the volatility, in
/// percent; beside the yardsticks.
pub fn costs(forecast: &Forecast, windows: &Windows) -> [Costs; 2] {
    let variances = variances(&windows.frame);
    let restored = |log: &f32| f64::from(windows.frame.scaler.restore(0, *log)).exp();
    let own: Vec<f64> = forecast.points.iter().map(restored).collect();
    let others = yardsticks(windows);
    let by = |name: &'static str, cost: fn(f64, f64) -> f64| {
        let of = |forecasts: &[f64]| -> Vec<f64> {
            forecasts.iter().zip(&windows.origins).map(|(forecast, &day)| cost(*forecast, variances[day])).collect()
        };
        let others = others.iter().map(|(yardstick, forecasts)| ((*yardstick).to_owned(), of(forecasts)));
        Costs { name, own: of(&own), others: others.collect(), overlap: 1 }
    };
    [by("qlike", qlike), by("volatility_mae", |forecast, truth| (forecast.sqrt() - truth.sqrt()).abs())]
}

/// What they are worth.
pub fn measure(forecast: &Forecast, windows: &Windows) -> Metrics {
    let costs = costs(forecast, windows);
    let metrics = costs.iter().flat_map(|costs| costs.means().into_iter().chain(costs.skills()));
    metrics.chain(intervals(forecast, windows)).collect()
}

/// What the yardsticks are worth.
pub fn baselines(windows: &Windows) -> BTreeMap<String, Metrics> {
    let mut rows = BTreeMap::<String, Metrics>::new();
    for Costs { name, others, .. } in costs(&Forecast::default(), windows) {
        for (yardstick, costs) in others {
            rows.entry(yardstick).or_default().insert(name.to_owned(), mean(costs));
        }
    }
    rows
}

/// The variances that each yardstick, fitted to the training part, expects of the days of some windows. All know every day
/// before, and one the VIX, as the network does.
fn yardsticks(windows: &Windows) -> Vec<(&'static str, Vec<f64>)> {
    let frame = &windows.frame;
    let (Some(returns), Some(log_vix)) = (frame.named(COLUMNS[1]), frame.named(COLUMNS[2])) else { return Vec::new() };
    let variances = variances(frame);
    let train = frame.train;
    let of = |forecast: &dyn Fn(usize) -> f64| windows.origins.iter().map(|&origin| forecast(origin)).collect();
    let smoothed = ewma(&variances);
    let garch = Garch::fit(&returns[..train]);
    let (expected, _) = garch.variances(&returns);
    // Squared returns and variances of days differ by what the latter do not see: on the training part, on average.
    let scale = mean(variances[..train].iter().copied()) / mean(returns[..train].iter().map(|value| value * value));
    let mut all = vec![("EWMA", of(&|origin| smoothed[origin - 1])), ("GARCH", of(&|origin| scale * expected[origin]))];
    all.extend(Har::fit(&variances[..train]).map(|har| ("HAR", of(&|origin| har.forecast(&variances[..origin])))));
    let with_vix = LogHar::fit(&variances[..train], &log_vix[..train]);
    all.extend(
        with_vix.map(|har| ("log-HAR with VIX", of(&|origin| har.forecast(&variances[..origin], log_vix[origin - 1])))),
    );
    all
}

fn variances(frame: &Frame) -> Vec<f64> {
    frame.column(0).iter().map(|log| f64::from(frame.scaler.restore(0, *log)).exp()).collect()
}

/// The exponentially weighted moving average of variances, up to and with each of them.
pub fn ewma(variances: &[f64]) -> Vec<f64> {
    const STAYS: f64 = 0.94;
    let mut average = variances.first().copied().unwrap_or(f64::NAN);
    let follow = |value: &f64| {
        average = STAYS * average + (1.0 - STAYS) * value;
        average
    };
    variances.iter().map(follow).collect()
}

/// GARCH(1,1): `σ²ₜ₊₁ = ω + α r²ₜ + β σ²ₜ`, fitted by the likelihood of normal returns.
#[derive(Clone, Copy, Debug)]
pub struct Garch {
    constant: f64,
    shock: f64,
    memory: f64,
    /// Of the returns that it was fitted to; where a series begins.
    variance: f64,
}

impl Garch {
    /// Finds α and β; ω is such that the long-run variance is that of the returns.
    pub fn fit(returns: &[f64]) -> Self {
        let variance = mean(returns.iter().map(|value| value * value));
        // α + β below 1, and each above 0, whatever the two numbers.
        let of = |[together, split]: [f64; 2]| {
            let sigmoid = |value: f64| 1.0 / (1.0 + (-value).exp());
            let (sum, share) = (sigmoid(together), sigmoid(split));
            Self { constant: variance * (1.0 - sum), shock: sum * share, memory: sum * (1.0 - share), variance }
        };
        let cost = |raw: [f64; 2]| {
            let (variances, _) = of(raw).variances(returns);
            returns.iter().zip(&variances).map(|(value, variance)| variance.ln() + value * value / variance).sum()
        };
        of(simplex::minimum([3.0, -2.5], 0.5, cost))
    }

    /// The variance expected of each return, and of the next.
    fn variances(&self, returns: &[f64]) -> (Vec<f64>, f64) {
        let mut variance = self.variance;
        let before = returns.iter().map(|value| {
            let now = variance;
            variance = self.constant + self.shock * value * value + self.memory * variance;
            now
        });
        let before = before.collect();
        (before, variance)
    }
}

/// HAR: tomorrow's variance as a sum of parts of today's, and of the means over a week and a month.
#[derive(Clone, Copy, Debug)]
pub struct Har {
    /// Of 1, the day, the week and the month.
    weights: [f64; 4],
    /// The least that it forecasts, as it was least seen: a sum of parts may be below zero.
    least: f64,
}

/// Trading days.
const MONTH: usize = 22;
const WEEK: usize = 5;

impl Har {
    /// Least squares on the variances of days, oldest first.
    ///
    /// `None` if there is not a month and a few days.
    pub fn fit(variances: &[f64]) -> Option<Self> {
        let rows: Vec<_> = (MONTH..variances.len()).map(|day| (parts(&variances[..day]), variances[day])).collect();
        let weights = least_squares(&rows)?;
        let least = variances[MONTH.min(variances.len())..].iter().copied().fold(f64::INFINITY, f64::min);
        Some(Self { weights, least: least.max(LEAST) })
    }

    /// Tomorrow's variance, from at least a month.
    pub fn forecast(&self, variances: &[f64]) -> f64 {
        dot(&self.weights, &parts(variances)).max(self.least)
    }
}

/// The same in logarithms, with the VIX as one more part: the hardest of the yardsticks.
#[derive(Clone, Copy, Debug)]
pub struct LogHar {
    /// Of 1, the day, the week, the month and the VIX.
    weights: [f64; 5],
    /// Half the variance of what is left: by so much the logarithm of a mean lies above the mean of logarithms.
    half_variance: f64,
}

impl LogHar {
    /// Least squares on the variances of days, oldest first, and the logarithm of the VIX at the end of each.
    ///
    /// `None` if there is not a month and a few days.
    pub fn fit(variances: &[f64], log_vix: &[f64]) -> Option<Self> {
        let row = |day: usize| (Self::parts(&variances[..day], log_vix[day - 1]), variances[day].ln());
        let rows: Vec<_> = (MONTH..variances.len()).map(row).collect();
        let weights = least_squares(&rows)?;
        let left = rows.iter().map(|(parts, log)| (log - dot(&weights, parts)).powi(2));
        Some(Self { weights, half_variance: mean(left) / 2.0 })
    }

    /// Tomorrow's variance, from at least a month and the VIX of today.
    pub fn forecast(&self, variances: &[f64], log_vix: f64) -> f64 {
        (dot(&self.weights, &Self::parts(variances, log_vix)) + self.half_variance).exp()
    }

    fn parts(variances: &[f64], log_vix: f64) -> [f64; 5] {
        let [one, day, week, month] = parts(variances);
        [one, day.ln(), week.ln(), month.ln(), log_vix]
    }
}

/// 1, and the means over the last day, week and month.
fn parts(variances: &[f64]) -> [f64; 4] {
    let over = |days: usize| mean(variances[variances.len().saturating_sub(days)..].iter().copied());
    [1.0, over(1), over(WEEK), over(MONTH)]
}

fn dot<const N: usize>(weights: &[f64; N], parts: &[f64; N]) -> f64 {
    weights.iter().zip(parts).map(|(weight, part)| weight * part).sum()
}

/// The weights for which `Σ (weights · row − target)²` is least; `None` if they are not determined.
fn least_squares<const N: usize>(rows: &[([f64; N], f64)]) -> Option<[f64; N]> {
    // The normal equations, by elimination with pivots.
    let mut matrix = [[0.0; N]; N];
    let mut right = [0.0; N];
    for (row, target) in rows {
        for i in 0..N {
            right[i] += row[i] * target;
            for j in 0..N {
                matrix[i][j] += row[i] * row[j];
            }
        }
    }
    for column in 0..N {
        let pivot = (column..N).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        if matrix[column][column].abs() < 1e-12 {
            return None;
        }
        for row in column + 1..N {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (value, above) in matrix[row].iter_mut().zip(above).skip(column) {
                *value -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut weights = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|k| matrix[row][k] * weights[k]).sum();
        weights[row] = (right[row] - known) / matrix[row][row];
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::frame::Scaler;

    /// Returns of a GARCH(1,1) process with these ω, α and β, and their true variances.
    fn process(constant: f64, shock: f64, memory: f64, length: usize) -> (Vec<f64>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut variance = constant / (1.0 - shock - memory);
        (0..length)
            .map(|_| {
                let normal = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
                let (value, now) = (variance.sqrt() * normal, variance);
                variance = constant + shock * value * value + memory * variance;
                (value, now)
            })
            .unzip()
    }

    #[test]
    fn garch_finds_the_process_that_it_describes() {
        let (returns, variances) = process(0.05, 0.1, 0.85, 8000);
        let garch = Garch::fit(&returns);
        approx::assert_abs_diff_eq!(garch.shock, 0.1, epsilon = 0.03);
        approx::assert_abs_diff_eq!(garch.memory, 0.85, epsilon = 0.05);
        let (expected, next) = garch.variances(&returns[..4000]);
        approx::assert_relative_eq!(next, variances[4000], max_relative = 0.15);
        approx::assert_relative_eq!(expected[3000], variances[3000], max_relative = 0.15);
        let squares: Vec<f64> = returns[..4000].iter().map(|value| value * value).collect();
        approx::assert_relative_eq!(ewma(&squares)[3999], variances[4000], max_relative = 0.6);
    }

    #[test]
    fn har_finds_its_own_weights() {
        let weights = [0.1, 0.3, 0.4, 0.2];
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut variances: Vec<f64> = (0..MONTH).map(|_| rng.random::<f64>() + 0.5).collect();
        for _ in 0..3000 {
            variances.push(dot(&weights, &parts(&variances)) * (0.5 + rng.random::<f64>()));
        }
        let har = Har::fit(&variances).unwrap();
        for (found, weight) in har.weights.iter().zip(weights) {
            approx::assert_abs_diff_eq!(*found, weight, epsilon = 0.12);
        }
        approx::assert_relative_eq!(har.forecast(&variances), dot(&weights, &parts(&variances)), max_relative = 0.1);
        assert!(Har::fit(&variances[..20]).is_none());
    }

    #[test]
    fn log_har_finds_its_own_weights_and_forecasts_the_mean() {
        let weights = [-0.3, 0.2, 0.3, 0.1, 0.4];
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let log_vix: Vec<f64> = (0..MONTH + 20_000).map(|_| rng.random::<f64>()).collect();
        let mut variances: Vec<f64> = (0..MONTH).map(|_| rng.random::<f64>() + 0.5).collect();
        let mut mean_log = 0.0;
        for day in MONTH..log_vix.len() {
            mean_log = dot(&weights, &LogHar::parts(&variances, log_vix[day - 1]));
            let normal = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            variances.push((mean_log + 0.8 * normal).exp());
        }
        let har = LogHar::fit(&variances, &log_vix).unwrap();
        for (found, weight) in har.weights.iter().zip(weights) {
            approx::assert_abs_diff_eq!(*found, weight, epsilon = 0.05);
        }
        let last = variances.len() - 1;
        let forecast = har.forecast(&variances[..last], log_vix[last - 1]);
        approx::assert_relative_eq!(forecast, (mean_log + 0.32).exp(), max_relative = 0.1);
    }

    #[test]
    fn no_yardstick_changes_when_the_future_does() {
        const DAYS: usize = 1500;
        let (returns, variances) = process(0.05, 0.1, 0.85, DAYS);
        // Everything is larger from a day on.
        let forecasts = |from: usize| {
            let row = |day: usize| {
                let more = if day < from { 0.0 } else { 1.0 };
                [variances[day].ln() + more, returns[day] * (1.0 + more), 3.0 + 0.1 * returns[day] + more]
            };
            let start = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
            let series = Series {
                columns: COLUMNS.map(str::to_owned).to_vec(),
                times: (0..DAYS as i64).map(|day| start + jiff::Span::new().days(day)).collect(),
                values: (0..DAYS).flat_map(row).map(|value| value as f32).collect(),
                notes: Vec::new(),
                source: String::new(),
            };
            let scaler = Scaler::fit(&series, &[0, 1, 2], 1000);
            let frame = Frame::new(&series, &[0, 1, 2], 1, scaler).with_parts(1000, 200, 5);
            yardsticks(&Windows::new(Arc::new(frame), 1200..DAYS, 30, 1, 1))
        };
        let (known, changed) = (forecasts(DAYS), forecasts(1350));
        assert_eq!(known.len(), 4);
        for ((name, one), (_, other)) in known.iter().zip(&changed) {
            assert_eq!(one[..=150], other[..=150], "{name}");
            assert_ne!(one[151], other[151], "{name}: the last day is read");
        }
    }
}
