//! Likelihoods: the loss of a network, and the output distribution whose parameters the network predicts.
//!
//! - Koenker & Bassett (1978), *Regression quantiles*.
//! - [Salinas et al. 2017](https://arxiv.org/abs/1704.04110), DeepAR: the parameters of a distribution as outputs.
//! - [Patton 2011](https://doi.org/10.1016/j.jeconom.2010.03.034): QLIKE.

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::calibration::LEVELS;
use crate::scaler::Scaler;

/// The training loss, which also determines the output distribution: the key `loss` in the table `[model]` of a
/// training recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Mean absolute error; the network predicts the median.
    Mae,
    /// Mean squared error; the network predicts the mean.
    Mse,
    /// Negative log-likelihood of a normal distribution.
    Gaussian,
    /// Negative log-likelihood of Student's t-distribution with predicted degrees of freedom.
    StudentT,
    /// Quantile (pinball) loss of the median and of the bounds of the 80 % and 95 % intervals.
    Quantiles,
    /// The QLIKE loss of a forecast of a variance; the target column holds logarithms of variances.
    Qlike,
    /// Binary cross-entropy; the class is whether the value is above zero (a rise). The network predicts its logit.
    Direction,
}

/// The kind of the forecast values, such as values of the column or probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Values of the column in its own unit.
    Value,
    /// Volatility in percent per day: the square root of the variance. The column holds the logarithm of the variance.
    #[serde(rename = "volatility-percent-per-day")]
    Volatility,
    /// The probability that the column's value is above zero.
    RiseProbability,
}

impl Quantity {
    /// Returns the name of the quantity in tables and plots; for [`Quantity::Value`] the name of the forecast column,
    /// `column`.
    pub fn label(self, column: &str) -> &str {
        match self {
            Self::Value => column,
            Self::Volatility => "volatility in percent per day",
            Self::RiseProbability => "probability of a rise",
        }
    }
}

/// The quantile levels that a network with [`Likelihood::Quantiles`] predicts: the interval bounds and the median.
const QUANTILES: [f64; 5] = [LEVELS[0], LEVELS[1], 0.5, LEVELS[2], LEVELS[3]];
/// The smallest scale parameter of an output distribution, in units of standardised values.
pub(crate) const MIN_SCALE: f64 = 1e-3;

impl Likelihood {
    /// Returns the number of distribution parameters per forecast value, P.
    pub fn width(self) -> usize {
        match self {
            Self::Mae | Self::Mse | Self::Qlike | Self::Direction => 1,
            Self::Gaussian => 2,
            Self::StudentT => 3,
            Self::Quantiles => QUANTILES.len(),
        }
    }

    /// Returns whether the output distribution determines prediction intervals.
    pub fn has_intervals(self) -> bool {
        matches!(self, Self::Gaussian | Self::StudentT | Self::Quantiles)
    }

    /// Converts the network's unconstrained outputs to the P distribution parameters of each value, `[B, H, T, P]` for
    /// H steps and T targets: scales become positive, and degrees of freedom greater than two.
    pub fn parameters(self, outputs: Tensor<4>) -> Tensor<4> {
        let part = |index| outputs.clone().narrow(3, index, 1);
        match self {
            Self::Gaussian => Tensor::cat(vec![part(0), softplus(part(1), 1.0) + MIN_SCALE], 3),
            Self::StudentT => {
                Tensor::cat(vec![part(0), softplus(part(1), 1.0) + MIN_SCALE, softplus(part(2), 1.0) + 2.0], 3)
            }
            _ => outputs,
        }
    }

    /// Converts the distribution parameters of a random value x to the parameters of `x · deviation + mean`. `mean` and
    /// `deviation` have the shape `[B, 1, T, 1]` for B windows and T targets.
    pub fn rescale(self, parameters: Tensor<4>, mean: Tensor<4>, deviation: Tensor<4>) -> Tensor<4> {
        let part = |index| parameters.clone().narrow(3, index, 1);
        let shifted = |value: Tensor<4>| value * deviation.clone() + mean.clone();
        match self {
            Self::Gaussian => Tensor::cat(vec![shifted(part(0)), part(1) * deviation], 3),
            Self::StudentT => Tensor::cat(vec![shifted(part(0)), part(1) * deviation, part(2)], 3),
            _ => shifted(parameters),
        }
    }

    /// Computes the mean loss, `[1]`. `parameters`, `[B, H, T, P]`, are the P predicted distribution parameters of each
    /// value, for B windows, H steps and T targets. `values`, `[B, H, T]`, are the standardised true values. The losses
    /// `Qlike` and `Direction` use `scaler` to undo the standardisation.
    pub fn loss(self, parameters: Tensor<4>, values: Tensor<3>, scaler: &Scaler) -> Tensor<1> {
        let part = |index| parameters.clone().narrow(3, index, 1).squeeze_dim::<3>(3);
        match self {
            Self::Mae => (part(0) - values).abs().mean(),
            Self::Mse => (part(0) - values).square().mean(),
            Self::Gaussian => {
                let scaled = (values - part(0)) / part(1);
                (part(1).log() + scaled.square() * 0.5 + 0.5 * std::f64::consts::TAU.ln()).mean()
            }
            Self::StudentT => student_t_loss(part(0), part(1), part(2), values).mean(),
            Self::Quantiles => {
                let of = |(index, level): (usize, f64)| {
                    let short = values.clone() - part(index);
                    // `short` is value − quantile. The quantile loss is max(level · short, (level − 1) · short).
                    (short.clone() * level).max_pair(short * (level - 1.0)).mean()
                };
                let sum = QUANTILES.into_iter().enumerate().map(of).reduce(|sum, loss| sum + loss);
                sum.unwrap_or_else(|| parameters.mean()) * (2.0 / QUANTILES.len() as f64)
            }
            Self::Qlike => {
                let deviations = row(&scaler.deviations, &values);
                // The upper limit of `log_ratio` keeps `exp` finite when a forecast is far too small.
                let log_ratio = ((values - part(0)) * deviations).clamp_max(20.0);
                (log_ratio.clone().exp() - log_ratio - 1.0).mean()
            }
            Self::Direction => {
                let values = values.clone() * row(&scaler.deviations, &values) + row(&scaler.means, &values);
                let up = values.greater_elem(0.0).float();
                (softplus(part(0), 1.0) - part(0) * up).mean()
            }
        }
    }

    /// Converts a standardised output of the network to the number that users see. A logarithm of a variance becomes a
    /// volatility, a logit becomes a probability, and any other value becomes a value in the unit of its column.
    /// [`quantity`](Self::quantity) names the kind of number.
    pub fn to_units(self, scaler: &Scaler, column: usize, value: f32) -> f64 {
        match self {
            Self::Qlike => (scaler.restore(column, value) / 2.0).exp(),
            Self::Direction => 1.0 / (1.0 + (-f64::from(value)).exp()),
            _ => scaler.restore(column, value),
        }
    }

    /// Converts a standardised observation to the same unit as [`to_units`](Self::to_units). With
    /// [`Likelihood::Direction`], the result is 1 if the value is above zero (a rise), else 0.
    pub fn observed(self, scaler: &Scaler, column: usize, value: f32) -> f64 {
        match self {
            Self::Direction => f64::from(u8::from(scaler.restore(column, value) > 0.0)),
            _ => self.to_units(scaler, column, value),
        }
    }

    /// Returns the quantity to which [`to_units`](Self::to_units) converts a forecast.
    pub fn quantity(self) -> Quantity {
        match self {
            Self::Qlike => Quantity::Volatility,
            Self::Direction => Quantity::RiseProbability,
            _ => Quantity::Value,
        }
    }

    /// Returns the point forecast from the parameters of one distribution: its median or mean, or the logit for
    /// [`Likelihood::Direction`].
    pub fn point(self, parameters: &[f32]) -> f32 {
        match self {
            Self::Quantiles => sorted(parameters)[QUANTILES.len() / 2],
            _ => parameters[0],
        }
    }

    /// Returns the interval bounds at [`LEVELS`] from the parameters of one distribution. If the network predicts only
    /// a point forecast, the bounds are the point forecast ± 1, in standardised units; the conformal calibration then
    /// moves these bounds.
    pub fn bounds(self, parameters: &[f32]) -> [f32; 4] {
        match self {
            Self::Gaussian => {
                LEVELS.map(|level| parameters[0] + parameters[1] * Normal::standard().inverse_cdf(level) as f32)
            }
            Self::StudentT => {
                let quantile = |level| {
                    StudentsT::new(0.0, 1.0, f64::from(parameters[2])).map_or(f64::NAN, |t| t.inverse_cdf(level)) as f32
                };
                // Student's t-distribution is symmetric: the lower quantiles are the upper ones with the sign changed.
                let [outer, inner] = [LEVELS[3], LEVELS[2]].map(quantile);
                [-outer, -inner, inner, outer].map(|bound| parameters[0] + parameters[1] * bound)
            }
            Self::Quantiles => {
                let quantiles = sorted(parameters);
                [quantiles[0], quantiles[1], quantiles[3], quantiles[4]]
            }
            _ => [parameters[0] - 1.0, parameters[0] - 1.0, parameters[0] + 1.0, parameters[0] + 1.0],
        }
    }

    /// Draws a sample of one distribution. Returns the point forecast if the likelihood has no distribution.
    pub fn sample(self, parameters: &[f32], rng: &mut ChaCha8Rng) -> f32 {
        match self {
            Self::Gaussian => {
                let sample: f32 = StandardNormal.sample(rng);
                parameters[0] + parameters[1] * sample
            }
            Self::StudentT => {
                let sample = rand_distr::StudentT::new(parameters[2]).map_or(f32::NAN, |t| t.sample(rng));
                parameters[0] + parameters[1] * sample
            }
            _ => self.point(parameters),
        }
    }
}

/// Converts numbers, one per target, to a tensor `[1, 1, T]`, which broadcasts to the shape `[B, H, T]` of `values`. T
/// is the number of targets; further items of `numbers` (for covariates) are ignored.
fn row(numbers: &[f64], values: &Tensor<3>) -> Tensor<3> {
    let columns = values.dims()[2];
    let numbers: Vec<f32> = numbers[..columns].iter().map(|number| *number as f32).collect();
    Tensor::<1>::from_floats(&numbers[..], &values.device()).reshape([1, 1, columns])
}

/// Sorts the predicted quantiles of one value in ascending order, because a network may predict them in another order.
fn sorted(parameters: &[f32]) -> Vec<f32> {
    let mut quantiles = parameters.to_vec();
    quantiles.sort_by(f32::total_cmp);
    quantiles
}

/// Returns the negative log-likelihood of each value under Student's t-distribution with the given mean, scale
/// (`width`) and degrees of freedom (`freedom`).
fn student_t_loss(mean: Tensor<3>, width: Tensor<3>, freedom: Tensor<3>, values: Tensor<3>) -> Tensor<3> {
    let half = (freedom.clone() + 1.0) * 0.5;
    let scaled = (values - mean) / width.clone();
    log_gamma(freedom.clone() * 0.5) - log_gamma(half.clone())
        + (freedom.clone() * std::f64::consts::PI).log() * 0.5
        + width.log()
        + half * (scaled.square() / freedom).log1p()
}

/// Computes ln Γ(x) for x ≥ 1, with an error below 1e-6. Stirling's series gives ln Γ(x + 4), from which ln Γ(x)
/// follows by Γ(x + 4) = x (x + 1) (x + 2) (x + 3) Γ(x).
fn log_gamma(x: Tensor<3>) -> Tensor<3> {
    let product = x.clone() * (x.clone() + 1.0) * (x.clone() + 2.0) * (x.clone() + 3.0);
    let x = x + 4.0;
    let inverse = x.clone().recip();
    let square = inverse.clone().square();
    let series = inverse * ((square.clone() / 1260.0 - 1.0 / 360.0) * square + 1.0 / 12.0);
    (x.clone() - 0.5) * x.clone().log() - x + 0.5 * std::f64::consts::TAU.ln() + series - product.log()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use statrs::distribution::Continuous;

    use super::*;

    const LIKELIHOODS: [Likelihood; 7] = [
        Likelihood::Mae,
        Likelihood::Mse,
        Likelihood::Gaussian,
        Likelihood::StudentT,
        Likelihood::Quantiles,
        Likelihood::Qlike,
        Likelihood::Direction,
    ];

    fn scaler() -> Scaler {
        Scaler {
            columns: vec!["a".to_owned()],
            means: vec![0.2],
            deviations: vec![2.0],
            yearly: false,
            step: None,
            nonnegative: Vec::new(),
        }
    }

    fn loss(likelihood: Likelihood, parameters: &[f32], value: f32) -> f32 {
        let device = Device::flex();
        let parameters = Tensor::<1>::from_floats(parameters, &device).reshape([1, 1, 1, likelihood.width()]);
        let value = Tensor::<1>::from_floats([value], &device).reshape([1, 1, 1]);
        likelihood.loss(parameters, value, &scaler()).into_scalar::<f32>()
    }

    #[test]
    fn losses_equal_their_formulas() {
        let near = |found: f32, expected: f64| approx::assert_relative_eq!(f64::from(found), expected, epsilon = 1e-5);
        near(loss(Likelihood::Mae, &[1.0], 3.0), 2.0);
        near(loss(Likelihood::Mse, &[1.0], 3.0), 4.0);
        near(loss(Likelihood::Gaussian, &[1.0, 0.5], 1.7), -Normal::new(1.0, 0.5).unwrap().ln_pdf(1.7));
        for freedom in [2.1, 5.0, 40.0] {
            let t = StudentsT::new(1.0, 0.5, f64::from(freedom)).unwrap();
            near(loss(Likelihood::StudentT, &[1.0, 0.5, freedom], 3.0), -t.ln_pdf(3.0));
        }
        let pinball = [0.025 * 4.0, 0.1 * 3.0, 0.5 * 2.0, 0.9 * 1.0, 0.0];
        near(loss(Likelihood::Quantiles, &[-1.0, 0.0, 1.0, 2.0, 3.0], 3.0), 0.4 * pinball.iter().sum::<f64>());
        // The logarithms differ by 0.5 in standardised units, which is 1 in their own unit.
        near(loss(Likelihood::Qlike, &[1.0], 1.5), 1f64.exp() - 1.0 - 1.0);
        // The standardised value −0.05 is 0.1 in its own unit, which is a rise.
        near(loss(Likelihood::Direction, &[0.7], -0.05), (1.0 + (-0.7f64).exp()).ln());
        near(loss(Likelihood::Direction, &[0.7], -0.15), (1.0 + 0.7f64.exp()).ln());
    }

    #[test]
    fn outputs_of_any_size_give_finite_losses() {
        let device = Device::flex();
        for likelihood in LIKELIHOODS {
            for size in [-90.0, 0.0, 90.0] {
                let parameters = likelihood.parameters(Tensor::full([1, 1, 1, likelihood.width()], size, &device));
                let values = Tensor::ones([1, 1, 1], &device);
                let loss = likelihood.loss(parameters.clone(), values, &scaler()).into_scalar::<f32>();
                assert!(loss.is_finite(), "{likelihood:?} {size}: {loss}");
                let parameters: Vec<f32> = parameters.into_data().try_to_vec().unwrap();
                assert!(
                    likelihood.bounds(&parameters).is_sorted() && likelihood.point(&parameters).is_finite(),
                    "{likelihood:?} {parameters:?}"
                );
            }
        }
    }

    /// The nominal fraction of the samples lies below each bound.
    #[test]
    fn samples_have_the_quantiles_of_the_bounds() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (likelihood, parameters) in
            [(Likelihood::Gaussian, vec![3.0, 2.0]), (Likelihood::StudentT, vec![3.0, 2.0, 4.0])]
        {
            let bounds = likelihood.bounds(&parameters);
            let samples: Vec<f32> = (0..20_000).map(|_| likelihood.sample(&parameters, &mut rng)).collect();
            for (bound, level) in bounds.iter().zip(LEVELS) {
                let below = samples.iter().filter(|value| *value < bound).count() as f64 / 20_000.0;
                approx::assert_abs_diff_eq!(below, level, epsilon = 0.01);
            }
        }
    }

    /// The point forecast and the bounds of rescaled parameters equal the rescaled point forecast and bounds.
    #[test]
    fn parameters_can_be_rescaled() {
        let device = Device::flex();
        let [mean, deviation] = [3.0, 2.0].map(|value| Tensor::full([1, 1, 1, 1], value, &device));
        for likelihood in [Likelihood::Gaussian, Likelihood::StudentT, Likelihood::Quantiles, Likelihood::Mae] {
            let parameters: Vec<f32> = (1..=likelihood.width()).map(|number| 0.7 * number as f32 + 1.5).collect();
            let tensor = Tensor::<1>::from_floats(&parameters[..], &device).reshape([1, 1, 1, likelihood.width()]);
            let scaled = likelihood.rescale(tensor, mean.clone(), deviation.clone());
            let scaled: Vec<f32> = scaled.into_data().try_to_vec().unwrap();
            approx::assert_relative_eq!(likelihood.point(&scaled), 2.0 * likelihood.point(&parameters) + 3.0);
            if likelihood.has_intervals() {
                for (scaled, bound) in likelihood.bounds(&scaled).iter().zip(likelihood.bounds(&parameters)) {
                    approx::assert_relative_eq!(*scaled, 2.0 * bound + 3.0, epsilon = 1e-5);
                }
            }
        }
    }
}
