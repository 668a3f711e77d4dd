//! How far off forecasts are, and whether one is better than another beyond chance.
//!
//! - Diebold & Mariano (1995), *Comparing predictive accuracy*, with the variance of Newey & West (1987) and the critical values
//!   of Kiefer & Vogelsang (2005), *A new asymptotic theory for heteroskedasticity-autocorrelation robust tests*.
//! - Politis & Romano (1992), *A circular block-resampling procedure for stationary data*.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// The mean of some numbers; NaN of none.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / count as f64
}

/// The symmetric percentage error of a value, from 0 to 200; none where both are zero.
pub fn smape(forecast: f64, truth: f64) -> f64 {
    let size = forecast.abs() + truth.abs();
    if size == 0.0 { 0.0 } else { 200.0 * (forecast - truth).abs() / size }
}

/// The quantile loss of a forecast of the `level`-quantile; its mean over all levels is half the CRPS.
pub fn pinball(quantile: f64, truth: f64, level: f64) -> f64 {
    let short = truth - quantile;
    (level * short).max((level - 1.0) * short)
}

/// A variance's cost, `σ²/v − ln(σ²/v) − 1` ([Patton 2011](https://doi.org/10.1016/j.jeconom.2010.03.034)): the ranking it
/// gives holds though the true variance is seen through noise.
pub fn qlike(forecast: f64, truth: f64) -> f64 {
    let ratio = truth / forecast;
    ratio - ratio.ln() - 1.0
}

/// A number and the interval in which it lies with some confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Lower and upper end.
    pub interval: [f64; 2],
}

/// A share of trials, with its 95 % interval (Clopper & Pearson 1934).
pub fn share(hits: usize, trials: usize) -> Estimate {
    let quantile =
        |level: f64, hits: f64, misses: f64| Beta::new(hits, misses).map_or(f64::NAN, |beta| beta.inverse_cdf(level));
    let (hit, missed) = (hits as f64, (trials - hits) as f64);
    let low = if hits == 0 { 0.0 } else { quantile(0.025, hit, missed + 1.0) };
    let high = if hits == trials { 1.0 } else { quantile(0.975, hit + 1.0, missed) };
    Estimate { value: hit / trials as f64, interval: [low, high] }
}

/// How often resampling is repeated.
const RESAMPLES: usize = 2000;
/// Costs have to fill at least so many blocks that go together, or nothing is known of chance.
const FEWEST_BLOCKS: usize = 5;

/// The skill of a forecast over a yardstick, `1 − its cost / the yardstick's`, with a 95 % interval: costs of neighbouring places
/// go together, so that they are drawn by blocks of some length, forecast and yardstick alike. Of too few blocks the interval is
/// not known: NaN.
pub fn skill(costs: &[f64], yardstick: &[f64], block: usize, seed: u64) -> Estimate {
    let of = |rows: &mut dyn Iterator<Item = usize>| {
        let (mut own, mut other) = (0.0, 0.0);
        for row in rows {
            own += costs[row];
            other += yardstick[row];
        }
        1.0 - own / other
    };
    let count = costs.len();
    let value = of(&mut (0..count));
    if count < FEWEST_BLOCKS * block {
        return Estimate { value, interval: [f64::NAN; 2] };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Round in a circle, so that the first and the last costs are drawn as often as others.
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let starts = (0..count.div_ceil(block)).map(|_| rng.random_range(0..count));
            let starts: Vec<usize> = starts.collect();
            of(&mut starts.into_iter().flat_map(|start| (start..start + block).map(|row| row % count)).take(count))
        })
        .collect();
    resampled.sort_by(f64::total_cmp);
    let quantile = |share: f64| resampled[((RESAMPLES - 1) as f64 * share).round() as usize];
    Estimate { value, interval: [quantile(0.025), quantile(0.975)] }
}

/// The probability, were two forecasts equally good, that their costs differ as much as they do (Diebold–Mariano, two-sided).
/// `bandwidth` is how far apart, in places, costs still go together: longer than forecasts overlap, as errors last, too. NaN if
/// there are too few costs for it.
pub fn diebold_mariano(costs: &[f64], others: &[f64], bandwidth: usize) -> f64 {
    if costs.len() < FEWEST_BLOCKS * bandwidth {
        return f64::NAN;
    }
    let differences: Vec<f64> = costs.iter().zip(others).map(|(cost, other)| cost - other).collect();
    let (count, average) = (differences.len() as f64, mean(differences.iter().copied()));
    let covariance = |lag: usize| {
        let pairs = differences.iter().skip(lag).zip(&differences);
        pairs.map(|(after, before)| (after - average) * (before - average)).sum::<f64>() / count
    };
    // Weights that fall with the lag keep the variance above zero.
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / bandwidth as f64) * covariance(lag);
    let variance = (covariance(0) + (1..bandwidth).map(weighted).sum::<f64>()) / count;
    // The wider the bandwidth, the less sure the variance: by so much the critical value at 5 % lies above that of a normal
    // distribution.
    let share = bandwidth as f64 / count;
    let wider = (1.96 + 2.9694 * share + 0.416 * share.powi(2) - 0.5324 * share.powi(3)) / 1.96;
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
    fn costs_are_what_their_formulas_say() {
        approx::assert_relative_eq!(smape(1.0, 2.0), 200.0 / 3.0);
        assert_eq!(smape(0.0, 0.0), 0.0);
        approx::assert_relative_eq!(pinball(1.0, 2.0, 0.9), 0.9);
        approx::assert_relative_eq!(pinball(4.0, 1.0, 0.9), 0.3, epsilon = 1e-12);
        assert_eq!(qlike(2.0, 2.0), 0.0);
        assert!(qlike(1.0, 2.0) > qlike(4.0, 2.0), "to say too little is worse");
    }

    /// Against `scipy.stats.binomtest(hits, trials).proportion_ci()`.
    #[test]
    fn shares_have_the_exact_interval() {
        for (hits, trials, low, high) in
            [(0, 10, 0.0, 0.308_497_1), (7, 10, 0.347_547_1, 0.933_260_5), (530, 1000, 0.498_510_5, 0.561_305_7)]
        {
            let Estimate { interval, .. } = share(hits, trials);
            approx::assert_abs_diff_eq!(interval[0], low, epsilon = 1e-5);
            approx::assert_abs_diff_eq!(interval[1], high, epsilon = 1e-5);
        }
    }

    /// Errors that go together over ten steps, as those of overlapping forecasts do.
    fn costs(seed: u64, length: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise: Vec<f64> = (0..length + 9).map(|_| rng.random::<f64>()).collect();
        noise.windows(10).map(|window| mean(window.iter().copied())).collect()
    }

    #[test]
    fn chance_is_told_from_skill() {
        // Of many costs, and of as few as are taken.
        for (length, bandwidth, width) in [(1000, 40, 0.2), (100, 20, 0.5)] {
            let mut surprises = 0;
            for seed in 0..400 {
                let [one, other] = [2 * seed, 2 * seed + 1].map(|seed| costs(seed, length));
                surprises += usize::from(diebold_mariano(&one, &other, bandwidth) < 0.05);
                if seed < 40 {
                    let Estimate { interval: [low, high], .. } = skill(&one, &other, bandwidth, seed);
                    assert!(high - low < width && low < 0.1 && high > -0.1, "{low} {high}");
                }
            }
            assert!((8..40).contains(&surprises), "{surprises} of 400 of {length} at 5 %");
        }
        let better: Vec<f64> = costs(2, 1000).into_iter().map(|cost| 0.8 * cost).collect();
        assert!(diebold_mariano(&better, &costs(3, 1000), 40) < 1e-6);
        let Estimate { value, interval: [low, high] } = skill(&better, &costs(3, 1000), 40, 1);
        assert!(low < value && value < high && low > 0.1, "{low} {value} {high}");
        assert_eq!(diebold_mariano(&better, &better, 40), 1.0);
    }

    #[test]
    fn of_few_costs_nothing_is_said_of_chance() {
        let (few, others) = (costs(1, 30), costs(2, 30));
        let Estimate { value, interval } = skill(&few, &others, 10, 1);
        assert!(value.is_finite() && interval.iter().all(|end| end.is_nan()));
        assert!(diebold_mariano(&few, &others, 10).is_nan());
    }
}
