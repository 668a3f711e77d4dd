//! Forecasts of the volatility of the S&P 500: the series, losses and baselines.
//!
//! Returns are in percent, so that their variances are near 1. The variance of a day cannot be observed, so it
//! is estimated by a range estimator of high, low and close, which has much less noise than a squared return.
//!
//! - Garman & Klass (1980), *On the estimation of security price volatilities from historical data*.
//! - J. P. Morgan (1996), *RiskMetrics*: EWMA with λ = 0.94.
//! - Bollerslev (1986), *Generalized autoregressive conditional heteroskedasticity*.
//! - Corsi (2009), *A simple approximate long-memory model of realized volatility*: HAR.

use datasets::{Locator, Series, stocks};
use training::{Measured, Metric, TaskError, TaskResult};

use super::measure::{BaselineMetrics, Losses, intervals};
use super::simplex;
use super::statistics::{mean, qlike};
use crate::calibration::Forecasts;
use crate::frame::{Frame, Windows};

/// The names of the columns of [`series`].
pub const COLUMNS: [&str; 3] = ["log_variance", "return", "log_vix"];
/// The smallest variance of a day, in percent squared. Without this limit, a day without price changes would have the
/// variance 0.
const LEAST: f64 = 1e-3;

/// Loads the trading days of the S&P 500 since the start of the VIX (1990), with three columns: the logarithm of the
/// variance, the return in percent, and the logarithm of the VIX at the close.
///
/// The variance is the Garman–Klass estimator from one close to the next, in percent squared:
/// `½ ln²(highest / lowest) − (2 ln 2 − 1) ln²(close / close before)`. The highest and the lowest price of a day are
/// taken over the prices of the day and the close of the day before.
pub fn series(locator: &Locator) -> TaskResult<Series> {
    let (prices, vix) = (stocks::sp_500(locator)?, stocks::vix(locator)?);
    let column = |series: &Series, name: &str| {
        series.column(name).ok_or_else(|| {
            TaskError::Other(format!(
                "{} has no column `{name}`; delete this file, and the program downloads the published file again",
                series.source
            ))
        })
    };
    let [high, low, close] = [column(&prices, "High")?, column(&prices, "Low")?, column(&prices, "Close")?];
    let implied = column(&vix, "CLOSE")?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for day in 1..prices.len() {
        let time = prices.times[day];
        let Ok(known) = vix.times.binary_search(&time) else { continue };
        let before = prices.row(day - 1)[close];
        let [high, low, close] = [high, low, close].map(|column| prices.row(day)[column]);
        let change = 100.0 * (close / before).ln();
        let range = 100.0 * (high.max(before) / low.min(before)).ln();
        let variance = 0.5 * range * range - (2.0 * std::f64::consts::LN_2 - 1.0) * change * change;
        times.push(time);
        values.extend([variance.max(LEAST).ln(), change, vix.row(known)[implied].ln()]);
    }
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let source = format!("{}; {}", prices.source, vix.source);
    Ok(Series {
        columns,
        times,
        numbered: false,
        clock: timesteps::Clock::default(),
        values,
        notes: Vec::new(),
        source,
    })
}

/// Returns the losses of log-variance forecasts: QLIKE, and the absolute error of the volatility in percent.
pub fn losses(forecasts: &Forecasts, windows: &Windows) -> [Losses; 2] {
    let variances = variances(&windows.frame);
    let variance = |log: &f32| windows.frame.scaler.restore(0, *log).exp();
    let model: Vec<f64> = forecasts.points.iter().map(variance).collect();
    let baselines = baseline_variances(windows);
    let by = |metric: &'static str, loss: fn(f64, f64) -> f64| {
        let of = |forecasts: &[f64]| -> Vec<f64> {
            forecasts.iter().zip(&windows.origins).map(|(forecast, &day)| loss(*forecast, variances[day])).collect()
        };
        let baselines = baselines.iter().map(|(baseline, forecasts)| ((*baseline).to_owned(), of(forecasts)));
        Losses { metric, model: of(&model), baselines: baselines.collect(), overlap: 1 }
    };
    [by("qlike", qlike), by("volatility_mae", |forecast, truth| (forecast.sqrt() - truth.sqrt()).abs())]
}

/// Measures forecasts of the log-variance: computes the losses, compares them with the losses of the baselines, and
/// computes the metrics of the forecast intervals.
pub fn measure(forecasts: &Forecasts, windows: &Windows) -> Measured {
    let mut measured = Measured::default();
    losses(forecasts, windows).iter().for_each(|losses| measured.extend(losses.measured()));
    measured.metrics.extend(intervals(forecasts, windows));
    measured
}

/// Returns the mean losses of each baseline over the given windows.
pub fn baselines(windows: &Windows) -> BaselineMetrics {
    let mut rows = BaselineMetrics::new();
    for Losses { metric, baselines, .. } in losses(&Forecasts::default(), windows) {
        for (name, losses) in baselines {
            let metric = Metric::lower(metric, mean(losses));
            match rows.iter_mut().find(|(known, _)| *known == name) {
                Some((_, metrics)) => metrics.push(metric),
                None => rows.push((name, vec![metric])),
            }
        }
    }
    rows
}

/// Returns the variances that each baseline forecasts for the days of the given windows. Each baseline is fitted to the
/// training part, and reads the returns or variances of all days before the forecast. One baseline also reads the VIX,
/// as the network does.
fn baseline_variances(windows: &Windows) -> Vec<(&'static str, Vec<f64>)> {
    let frame = &windows.frame;
    let (Some(returns), Some(log_vix)) = (restored(frame, COLUMNS[1]), restored(frame, COLUMNS[2])) else {
        return Vec::new();
    };
    let variances = variances(frame);
    let train = frame.train;
    let of = |forecast: &dyn Fn(usize) -> f64| windows.origins.iter().map(|&origin| forecast(origin)).collect();
    let smoothed = ewma(&variances);
    let garch = Garch::fit(&returns[..train]);
    let (expected, _) = garch.variances(&returns);
    // GARCH forecasts squared returns, but the variances that are observed come from the range estimator, which has
    // another mean. `scale` is the ratio of the two means over the training part.
    let scale = mean(variances[..train].iter().copied()) / mean(returns[..train].iter().map(|value| value * value));
    let mut all = vec![("EWMA", of(&|origin| smoothed[origin - 1])), ("GARCH", of(&|origin| scale * expected[origin]))];
    all.extend(Har::fit(&variances[..train]).map(|har| ("HAR", of(&|origin| har.forecast(&variances[..origin])))));
    let with_vix = LogHar::fit(&variances[..train], &log_vix[..train]);
    all.extend(
        with_vix.map(|har| ("log-HAR with VIX", of(&|origin| har.forecast(&variances[..origin], log_vix[origin - 1])))),
    );
    all
}

/// Returns the values of a column before standardisation; `None` if no column has this name.
fn restored(frame: &Frame, name: &str) -> Option<Vec<f64>> {
    let column = frame.scaler.columns.iter().position(|column| column == name)?;
    Some(frame.column(column).into_iter().map(|value| frame.scaler.restore(column, value)).collect())
}

fn variances(frame: &Frame) -> Vec<f64> {
    frame.column(0).iter().map(|log| frame.scaler.restore(0, *log).exp()).collect()
}

/// Computes the exponentially weighted moving average at each position of a series of variances. The average at a
/// position includes the variance at this position.
pub fn ewma(variances: &[f64]) -> Vec<f64> {
    const STAYS: f64 = 0.94;
    let mut average = variances.first().copied().unwrap_or(f64::NAN);
    let follow = |value: &f64| {
        average = STAYS * average + (1.0 - STAYS) * value;
        average
    };
    variances.iter().map(follow).collect()
}

/// GARCH(1,1): `σ²ₜ₊₁ = ω + α r²ₜ + β σ²ₜ`, where r is the return and σ² its variance. The parameters are fitted by
/// maximum likelihood, under the assumption that returns are normally distributed.
#[derive(Clone, Copy, Debug)]
pub struct Garch {
    /// The constant ω.
    constant: f64,
    /// The factor α of the squared return.
    shock: f64,
    /// The factor β of the previous variance.
    memory: f64,
    /// The variance of the training returns, which is the initial variance of a series.
    variance: f64,
}

impl Garch {
    /// Fits α and β; ω follows from the variance of the returns (variance targeting).
    pub fn fit(returns: &[f64]) -> Self {
        let variance = mean(returns.iter().map(|value| value * value));
        // Converts any two numbers to α, β > 0 with α + β < 1, so that the search needs no constraints.
        let of = |[together, split]: [f64; 2]| {
            let sigmoid = |value: f64| 1.0 / (1.0 + (-value).exp());
            let (sum, share) = (sigmoid(together), sigmoid(split));
            Self { constant: variance * (1.0 - sum), shock: sum * share, memory: sum * (1.0 - share), variance }
        };
        let loss = |raw: [f64; 2]| {
            let (variances, _) = of(raw).variances(returns);
            returns.iter().zip(&variances).map(|(value, variance)| variance.ln() + value * value / variance).sum()
        };
        of(simplex::minimum([3.0, -2.5], 0.5, loss))
    }

    /// Returns the conditional variance of each return given the returns before it, and the forecast variance of the
    /// next return.
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

/// HAR (heterogeneous autoregressive model): tomorrow's variance as a linear function of today's variance and of the
/// mean variances over the last week and month.
#[derive(Clone, Copy, Debug)]
pub struct Har {
    /// Coefficients of the regressors: the constant 1, and the mean variances over the last day, week and month.
    weights: [f64; 4],
    /// The smallest variance in training. Forecasts are raised to this value, because a linear function may become
    /// negative.
    least: f64,
}

/// The number of trading days in a month.
const MONTH: usize = 22;
/// The number of trading days in a week.
const WEEK: usize = 5;

impl Har {
    /// Fits the coefficients by least squares to the daily variances, oldest first.
    ///
    /// `None` if there are too few days.
    pub fn fit(variances: &[f64]) -> Option<Self> {
        let rows: Vec<_> = (MONTH..variances.len()).map(|day| (parts(&variances[..day]), variances[day])).collect();
        let weights = least_squares(&rows)?;
        let least = variances[MONTH.min(variances.len())..].iter().copied().fold(f64::INFINITY, f64::min);
        Some(Self { weights, least: least.max(LEAST) })
    }

    /// Forecasts tomorrow's variance from the variances of at least the last month.
    pub fn forecast(&self, variances: &[f64]) -> f64 {
        dot(&self.weights, &parts(variances)).max(self.least)
    }
}

/// The HAR model ([`Har`]) of the logarithm of the variance, with the logarithm of the volatility index VIX as an
/// additional regressor.
#[derive(Clone, Copy, Debug)]
pub struct LogHar {
    /// Coefficients of the regressors: the constant 1, the logarithms of the mean variances over the last day, week and
    /// month, and the logarithm of the VIX.
    weights: [f64; 5],
    /// Half the variance of the residuals. A forecast adds it to the predicted logarithm before the exponential
    /// function is applied, because the exponential of a mean logarithm is smaller than the mean variance.
    half_variance: f64,
}

impl LogHar {
    /// Fits the coefficients by least squares, with the logarithm of each day's variance as the target. `variances` are
    /// the daily variances, oldest first, and `log_vix` is the logarithm of the VIX at the end of each of these days.
    ///
    /// `None` if there are too few days.
    pub fn fit(variances: &[f64], log_vix: &[f64]) -> Option<Self> {
        let row = |day: usize| (Self::parts(&variances[..day], log_vix[day - 1]), variances[day].ln());
        let rows: Vec<_> = (MONTH..variances.len()).map(row).collect();
        let weights = least_squares(&rows)?;
        let left = rows.iter().map(|(parts, log)| (log - dot(&weights, parts)).powi(2));
        Some(Self { weights, half_variance: mean(left) / 2.0 })
    }

    /// Forecasts tomorrow's variance from the variances of at least the last month and the logarithm of today's VIX.
    pub fn forecast(&self, variances: &[f64], log_vix: f64) -> f64 {
        (dot(&self.weights, &Self::parts(variances, log_vix)) + self.half_variance).exp()
    }

    fn parts(variances: &[f64], log_vix: f64) -> [f64; 5] {
        let [one, day, week, month] = parts(variances);
        [one, day.ln(), week.ln(), month.ln(), log_vix]
    }
}

/// Returns the regressors of [`Har`]: the constant 1, and the mean variances over the last day, week and month.
fn parts(variances: &[f64]) -> [f64; 4] {
    let over = |days: usize| mean(variances[variances.len().saturating_sub(days)..].iter().copied());
    [1.0, over(1), over(WEEK), over(MONTH)]
}

fn dot<const N: usize>(weights: &[f64; N], parts: &[f64; N]) -> f64 {
    weights.iter().zip(parts).map(|(weight, part)| weight * part).sum()
}

/// Computes the weights that minimise `Σ (weights · row − target)²`, summed over all pairs of row and target. Returns
/// `None` if the rows do not determine the weights.
fn least_squares<const N: usize>(rows: &[([f64; N], f64)]) -> Option<[f64; N]> {
    // Solves the normal equations by Gaussian elimination with pivoting.
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
    use crate::scaler::Scaler;
    use crate::train::data::history;

    /// Simulates a GARCH(1,1) process with ω = `constant`, α = `shock` and β = `memory`. Gives the return and the true
    /// variance of each step.
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
    fn garch_finds_the_parameters_of_its_process() {
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
    fn no_baseline_reads_the_future() {
        const DAYS: usize = 1500;
        let (returns, variances) = process(0.05, 0.1, 0.85, DAYS);
        // From the day `from` on, all values are larger.
        let forecasts = |from: usize| {
            let row = |day: usize| {
                let more = if day < from { 0.0 } else { 1.0 };
                [variances[day].ln() + more, returns[day] * (1.0 + more), 3.0 + 0.1 * returns[day] + more]
            };
            let start = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
            let series = Series {
                columns: COLUMNS.map(str::to_owned).to_vec(),
                times: (0..DAYS as i64).map(|day| start + jiff::Span::new().days(day)).collect(),
                numbered: false,
                clock: timesteps::Clock::default(),
                values: (0..DAYS).flat_map(row).collect(),
                notes: Vec::new(),
                source: String::new(),
            };
            let history = history(&series.clone().into());
            let scaler = Scaler::fit(&history, &series.columns, 1000).unwrap();
            let frame = Frame::new(&history, 1, 0, scaler).unwrap().with_parts(1000, 200).with_season(5);
            baseline_variances(&Windows::new(Arc::new(frame), 1200..DAYS, 30, 1, 1))
        };
        let (known, changed) = (forecasts(DAYS), forecasts(1350));
        assert_eq!(known.len(), 4);
        for ((name, one), (_, other)) in known.iter().zip(&changed) {
            assert_eq!(one[..=150], other[..=150], "{name}");
            assert_ne!(one[151], other[151], "{name}: the last day is read");
        }
    }
}
