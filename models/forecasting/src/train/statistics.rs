//! Losses of single values, and tests of whether one forecaster is better than another.
//!
//! - Diebold & Mariano (1995), *Comparing predictive accuracy*, with the variance of Newey & West (1987) and the
//!   critical values of Kiefer & Vogelsang (2005), *A new asymptotic theory for heteroskedasticity-autocorrelation
//!   robust tests*.
//! - Politis & Romano (1992), *A circular block-resampling procedure for stationary data*.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// Returns the arithmetic mean; NaN if there are no numbers.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / count as f64
}

/// Returns the symmetric percentage error (sMAPE) of a forecast, from 0 to 200 %; 0 if forecast and truth are both
/// zero.
pub fn smape(forecast: f64, truth: f64) -> f64 {
    let size = forecast.abs() + truth.abs();
    if size == 0.0 { 0.0 } else { 200.0 * (forecast - truth).abs() / size }
}

/// Returns the quantile loss (pinball loss) of `quantile`, which is a forecast of the quantile at `level`. The mean of
/// this loss over all levels is half the CRPS (continuous ranked probability score).
pub fn pinball(quantile: f64, truth: f64, level: f64) -> f64 {
    let short = truth - quantile;
    (level * short).max((level - 1.0) * short)
}

/// Returns the QLIKE loss of a forecast `v` of a variance, `σ²/v − ln(σ²/v) − 1`, where `σ²` is the observed variance
/// `truth` ([Patton 2011](https://doi.org/10.1016/j.jeconom.2010.03.034)). The ranking of forecasts by this loss is
/// robust to noise in the observed variance.
pub fn qlike(forecast: f64, truth: f64) -> f64 {
    let ratio = truth / forecast;
    ratio - ratio.ln() - 1.0
}

/// An estimated number with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimated number.
    pub value: f64,
    /// Lower and upper bound of the 95 % confidence interval.
    pub interval: [f64; 2],
}

/// Returns the fraction of hits with its 95 % interval (Clopper & Pearson 1934).
pub fn proportion(hits: usize, trials: usize) -> Estimate {
    let quantile =
        |level: f64, hits: f64, misses: f64| Beta::new(hits, misses).map_or(f64::NAN, |beta| beta.inverse_cdf(level));
    let (hit, missed) = (hits as f64, (trials - hits) as f64);
    let low = if hits == 0 { 0.0 } else { quantile(0.025, hit, missed + 1.0) };
    let high = if hits == trials { 1.0 } else { quantile(0.975, hit + 1.0, missed) };
    Estimate { value: hit / trials as f64, interval: [low, high] }
}

/// The number of bootstrap resamples.
const RESAMPLES: usize = 2000;
/// The smallest number of blocks of consecutive losses. Confidence intervals and p-values of fewer blocks are NaN.
const FEWEST_BLOCKS: usize = 5;

/// Returns the skill of a forecaster over a baseline, `1 − sum of losses / sum of the baseline's losses`, with a 95 %
/// confidence interval by the paired circular block bootstrap. `block` is the length of a bootstrap block: losses less
/// than `block` places apart may be correlated. The bounds are NaN if there are fewer losses than five times `block`,
/// or if all losses of the baseline in a resample are 0.
pub fn skill(losses: &[f64], baseline: &[f64], block: usize, seed: u64) -> Estimate {
    let of = |rows: &mut dyn Iterator<Item = usize>| {
        let (mut own, mut other) = (0.0, 0.0);
        for row in rows {
            own += losses[row];
            other += baseline[row];
        }
        1.0 - own / other
    };
    let count = losses.len();
    let value = of(&mut (0..count));
    if count < FEWEST_BLOCKS * block {
        return Estimate { value, interval: [f64::NAN; 2] };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Blocks wrap around the end, so that the first and the last losses are drawn as often as the others.
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let starts = (0..count.div_ceil(block)).map(|_| rng.random_range(0..count));
            let starts: Vec<usize> = starts.collect();
            of(&mut starts.into_iter().flat_map(|start| (start..start + block).map(|row| row % count)).take(count))
        })
        .collect();
    if resampled.iter().any(|skill| !skill.is_finite()) {
        return Estimate { value, interval: [f64::NAN; 2] };
    }
    resampled.sort_by(f64::total_cmp);
    let quantile = |level: f64| resampled[((RESAMPLES - 1) as f64 * level).round() as usize];
    Estimate { value, interval: [quantile(0.025), quantile(0.975)] }
}

/// Returns the p-value of the two-sided Diebold–Mariano test. The null hypothesis is that both forecasters have the
/// same expected loss. Losses less than `bandwidth` places apart may be correlated. Returns NaN if there are fewer
/// losses than five times the bandwidth.
pub fn diebold_mariano(losses: &[f64], others: &[f64], bandwidth: usize) -> f64 {
    if losses.len() < FEWEST_BLOCKS * bandwidth {
        return f64::NAN;
    }
    let differences: Vec<f64> = losses.iter().zip(others).map(|(loss, other)| loss - other).collect();
    let (count, average) = (differences.len() as f64, mean(differences.iter().copied()));
    let covariance = |lag: usize| {
        let pairs = differences.iter().skip(lag).zip(&differences);
        pairs.map(|(after, before)| (after - average) * (before - average)).sum::<f64>() / count
    };
    // With Bartlett weights the estimated variance cannot be negative.
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / bandwidth as f64) * covariance(lag);
    let variance = (covariance(0) + (1..bandwidth).map(weighted).sum::<f64>()) / count;
    // Fixed-bandwidth asymptotics (Kiefer & Vogelsang 2005): `wider` is the critical value at 5 % for this ratio of
    // bandwidth to sample size, divided by 1.96, which is the critical value of the normal distribution.
    let ratio = bandwidth as f64 / count;
    let wider = (1.96 + 2.9694 * ratio + 0.416 * ratio.powi(2) - 0.5324 * ratio.powi(3)) / 1.96;
    let statistic = average / variance.sqrt() / wider;
    match StudentsT::new(0.0, 1.0, count - 1.0) {
        Ok(distribution) if statistic.is_finite() => 2.0 * (1.0 - distribution.cdf(statistic.abs())),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_equal_their_formulas() {
        approx::assert_relative_eq!(smape(1.0, 2.0), 200.0 / 3.0);
        assert_eq!(smape(0.0, 0.0), 0.0);
        approx::assert_relative_eq!(pinball(1.0, 2.0, 0.9), 0.9);
        approx::assert_relative_eq!(pinball(4.0, 1.0, 0.9), 0.3, epsilon = 1e-12);
        assert_eq!(qlike(2.0, 2.0), 0.0);
        assert!(qlike(1.0, 2.0) > qlike(4.0, 2.0), "underestimates are worse");
    }

    /// Against `scipy.stats.binomtest(hits, trials).proportion_ci()`.
    #[test]
    fn proportions_have_the_exact_interval() {
        for (hits, trials, low, high) in
            [(0, 10, 0.0, 0.308_497_1), (7, 10, 0.347_547_1, 0.933_260_5), (530, 1000, 0.498_510_5, 0.561_305_7)]
        {
            let Estimate { interval, .. } = proportion(hits, trials);
            approx::assert_abs_diff_eq!(interval[0], low, epsilon = 1e-5);
            approx::assert_abs_diff_eq!(interval[1], high, epsilon = 1e-5);
        }
    }

    /// Errors that are correlated over ten steps, as those of overlapping forecasts.
    fn losses(seed: u64, length: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise: Vec<f64> = (0..length + 9).map(|_| rng.random::<f64>()).collect();
        noise.windows(10).map(|window| mean(window.iter().copied())).collect()
    }

    #[test]
    fn chance_is_distinguished_from_skill() {
        // With many losses, and with the smallest number.
        for (length, bandwidth, width) in [(1000, 40, 0.2), (100, 20, 0.5)] {
            let mut surprises = 0;
            for seed in 0..400 {
                let [one, other] = [2 * seed, 2 * seed + 1].map(|seed| losses(seed, length));
                surprises += usize::from(diebold_mariano(&one, &other, bandwidth) < 0.05);
                if seed < 40 {
                    let Estimate { interval: [low, high], .. } = skill(&one, &other, bandwidth, seed);
                    assert!(high - low < width && low < 0.1 && high > -0.1, "{low} {high}");
                }
            }
            assert!((8..40).contains(&surprises), "{surprises} of 400 of {length} at 5 %");
        }
        let better: Vec<f64> = losses(2, 1000).into_iter().map(|loss| 0.8 * loss).collect();
        assert!(diebold_mariano(&better, &losses(3, 1000), 40) < 1e-6);
        let Estimate { value, interval: [low, high] } = skill(&better, &losses(3, 1000), 40, 1);
        assert!(low < value && value < high && low > 0.1, "{low} {value} {high}");
        assert_eq!(diebold_mariano(&better, &better, 40), 1.0);
    }

    #[test]
    fn few_losses_have_no_interval() {
        let (few, others) = (losses(1, 30), losses(2, 30));
        let Estimate { value, interval } = skill(&few, &others, 10, 1);
        assert!(value.is_finite() && interval.iter().all(|bound| bound.is_nan()));
        assert!(diebold_mariano(&few, &others, 10).is_nan());
    }
}
