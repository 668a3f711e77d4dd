//! The yardsticks of volatility: how much tomorrow's price will move, from how much it moved so far.
//!
//! All take daily returns in percent, so that their variances are near 1, and forecast tomorrow's variance.
//!
//! - J. P. Morgan (1996), *RiskMetrics*: EWMA with λ = 0.94.
//! - Bollerslev (1986), *Generalized autoregressive conditional heteroskedasticity*.
//! - Corsi (2009), *A simple approximate long-memory model of realized volatility*: HAR.

use crate::metrics::mean;
use crate::simplex;

/// The exponentially weighted moving average of squared returns.
pub fn ewma(returns: &[f64]) -> f64 {
    const STAYS: f64 = 0.94;
    let mut squares = returns.iter().map(|value| value * value);
    let first = squares.next().unwrap_or(f64::NAN);
    squares.fold(first, |variance, square| STAYS * variance + (1.0 - STAYS) * square)
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

    /// Tomorrow's variance.
    pub fn forecast(&self, returns: &[f64]) -> f64 {
        self.variances(returns).1
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

/// HAR: tomorrow's variance as a sum of parts of yesterday's, and of the means over a week and a month.
#[derive(Clone, Copy, Debug)]
pub struct Har {
    /// Of 1, the day, the week and the month.
    weights: [f64; 4],
    /// The least that it forecasts, as it was least seen: a sum of parts may be below zero.
    least: f64,
}

/// Trading days of a month.
const MONTH: usize = 22;
const WEEK: usize = 5;

impl Har {
    /// Least squares on realised variances, such as squared ranges or squared returns, oldest first.
    ///
    /// `None` if there is not a month and a few days.
    pub fn fit(variances: &[f64]) -> Option<Self> {
        let rows: Vec<([f64; 4], f64)> =
            (MONTH..variances.len()).map(|day| (Self::parts(&variances[..day]), variances[day])).collect();
        let weights = least_squares(&rows)?;
        let least = variances[MONTH.min(variances.len())..].iter().copied().fold(f64::INFINITY, f64::min);
        Some(Self { weights, least: least.max(1e-4) })
    }

    /// Tomorrow's variance, from at least a month.
    pub fn forecast(&self, variances: &[f64]) -> f64 {
        let parts = Self::parts(variances);
        self.weights.iter().zip(parts).map(|(weight, part)| weight * part).sum::<f64>().max(self.least)
    }

    fn parts(variances: &[f64]) -> [f64; 4] {
        let over = |days: usize| mean(variances[variances.len().saturating_sub(days)..].iter().copied());
        [1.0, over(1), over(WEEK), over(MONTH)]
    }
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
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

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
        let half = &returns[..4000];
        approx::assert_relative_eq!(garch.forecast(half), variances[4000], max_relative = 0.15);
        approx::assert_relative_eq!(ewma(half), variances[4000], max_relative = 0.6);
    }

    #[test]
    fn har_finds_its_own_weights() {
        let weights = [0.1, 0.3, 0.4, 0.2];
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut variances: Vec<f64> = (0..MONTH).map(|_| rng.random::<f64>() + 0.5).collect();
        for _ in 0..3000 {
            let parts = Har::parts(&variances);
            let next: f64 = weights.iter().zip(parts).map(|(weight, part)| weight * part).sum();
            variances.push(next * (0.5 + rng.random::<f64>()));
        }
        let har = Har::fit(&variances).unwrap();
        for (found, weight) in har.weights.iter().zip(weights) {
            approx::assert_abs_diff_eq!(*found, weight, epsilon = 0.12);
        }
        let expected: f64 = weights.iter().zip(Har::parts(&variances)).map(|(weight, part)| weight * part).sum();
        approx::assert_relative_eq!(har.forecast(&variances), expected, max_relative = 0.1);
        assert!(Har::fit(&variances[..20]).is_none());
    }
}
