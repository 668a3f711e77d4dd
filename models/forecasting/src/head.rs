//! What a network says of a value to come: a number, a distribution, some quantiles, a chance; and what each of them costs.
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

use crate::forecast::LEVELS;
use crate::frame::Scaler;

/// What is made small by training, and so what a network says. `loss` in a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Absolute errors of a number: the median.
    Mae,
    /// Squared errors of a number: the mean.
    Mse,
    /// The negative log-likelihood of a normal distribution.
    Gaussian,
    /// That of Student's t, whose tails are as heavy as they are found to be.
    StudentT,
    /// The quantile losses of the median and of the ends of the 80 % and 95 % intervals.
    Quantiles,
    /// QLIKE; values are logarithms of variances.
    Qlike,
    /// The cross-entropy of a value being above zero, in its own units; said is the logit.
    Direction,
}

/// The levels of [`Head::Quantiles`]: the ends of the intervals around the median.
const QUANTILES: [f64; 5] = [LEVELS[0], LEVELS[1], 0.5, LEVELS[2], LEVELS[3]];
/// The narrowest distribution, standardised.
const NARROWEST: f64 = 1e-3;

impl Head {
    /// How many numbers are said of a value, P.
    pub fn width(self) -> usize {
        match self {
            Self::Mae | Self::Mse | Self::Qlike | Self::Direction => 1,
            Self::Gaussian => 2,
            Self::StudentT => 3,
            Self::Quantiles => QUANTILES.len(),
        }
    }

    /// Whether an interval can be read off what is said.
    pub fn has_intervals(self) -> bool {
        matches!(self, Self::Gaussian | Self::StudentT | Self::Quantiles)
    }

    /// What a network says, from outputs of any size: widths above zero, and degrees of freedom above two. `[B, H, T, P]`
    pub fn said(self, outputs: Tensor<4>) -> Tensor<4> {
        let part = |index| outputs.clone().narrow(3, index, 1);
        match self {
            Self::Gaussian => Tensor::cat(vec![part(0), softplus(part(1), 1.0) + NARROWEST], 3),
            Self::StudentT => {
                Tensor::cat(vec![part(0), softplus(part(1), 1.0) + NARROWEST, softplus(part(2), 1.0) + 2.0], 3)
            }
            _ => outputs,
        }
    }

    /// The same of values that are `deviation` times as large, and `mean` more: `[B, 1, T, 1]`.
    pub fn rescale(self, said: Tensor<4>, mean: Tensor<4>, deviation: Tensor<4>) -> Tensor<4> {
        let part = |index| said.clone().narrow(3, index, 1);
        let place = |value: Tensor<4>| value * deviation.clone() + mean.clone();
        match self {
            Self::Gaussian => Tensor::cat(vec![place(part(0)), part(1) * deviation], 3),
            Self::StudentT => Tensor::cat(vec![place(part(0)), part(1) * deviation, part(2)], 3),
            _ => place(said),
        }
    }

    /// The mean cost, `[1]`, of what was said, `[B, H, T, P]`, of standardised values, `[B, H, T]`.
    pub fn cost(self, said: Tensor<4>, values: Tensor<3>, scaler: &Scaler) -> Tensor<1> {
        let part = |index| said.clone().narrow(3, index, 1).squeeze_dim::<3>(3);
        match self {
            Self::Mae => (part(0) - values).abs().mean(),
            Self::Mse => (part(0) - values).square().mean(),
            Self::Gaussian => {
                let scaled = (values - part(0)) / part(1);
                (part(1).log() + scaled.square() * 0.5 + 0.5 * std::f64::consts::TAU.ln()).mean()
            }
            Self::StudentT => student_t_cost(part(0), part(1), part(2), values).mean(),
            Self::Quantiles => {
                let of = |(index, level): (usize, f64)| {
                    let short = values.clone() - part(index);
                    // max(level · short, (level − 1) · short)
                    (short.clone() * level).max_pair(short * (level - 1.0)).mean()
                };
                let sum = QUANTILES.into_iter().enumerate().map(of).reduce(|sum, cost| sum + cost);
                sum.unwrap_or_else(|| said.mean()) * (2.0 / QUANTILES.len() as f64)
            }
            Self::Qlike => {
                let deviations = row(&scaler.deviations, &values);
                // Beyond e²⁰ a ratio of variances is no error to learn from, but the end of all numbers.
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

    /// A standardised number of a column as people are shown it: in its own units; of the logarithm of a variance the
    /// volatility, of a logit the chance.
    pub fn shown(self, scaler: &Scaler, column: usize, value: f32) -> f64 {
        match self {
            Self::Qlike => (f64::from(scaler.restore(column, value)) / 2.0).exp(),
            Self::Direction => 1.0 / (1.0 + (-f64::from(value)).exp()),
            _ => f64::from(scaler.restore(column, value)),
        }
    }

    /// What [`shown`](Self::shown) numbers of a column are.
    pub fn name(self, scaler: &Scaler, column: usize) -> &str {
        match self {
            Self::Qlike => "volatility, percent a day",
            Self::Direction => "chance of a rise",
            _ => &scaler.columns[column],
        }
    }

    /// The number to expect of what was said of one value: its median, or its mean.
    pub fn point(self, said: &[f32]) -> f32 {
        match self {
            Self::Quantiles => sorted(said)[QUANTILES.len() / 2],
            _ => said[0],
        }
    }

    /// The ends of its intervals, in the order of [`LEVELS`]; of heads that know none, a distance of 1 around the point, to
    /// be moved by what is seen on the latest windows that are over.
    pub fn ends(self, said: &[f32]) -> [f32; 4] {
        match self {
            Self::Gaussian => LEVELS.map(|level| said[0] + said[1] * Normal::standard().inverse_cdf(level) as f32),
            Self::StudentT => {
                let quantile = |level| {
                    StudentsT::new(0.0, 1.0, f64::from(said[2])).map_or(f64::NAN, |t| t.inverse_cdf(level)) as f32
                };
                // Its quantiles lie evenly around the middle.
                let [outer, inner] = [LEVELS[3], LEVELS[2]].map(quantile);
                [-outer, -inner, inner, outer].map(|end| said[0] + said[1] * end)
            }
            Self::Quantiles => {
                let quantiles = sorted(said);
                [quantiles[0], quantiles[1], quantiles[3], quantiles[4]]
            }
            _ => [said[0] - 1.0, said[0] - 1.0, said[0] + 1.0, said[0] + 1.0],
        }
    }

    /// A value drawn from what was said; the point of heads that know no distribution.
    pub fn draw(self, said: &[f32], rng: &mut ChaCha8Rng) -> f32 {
        match self {
            Self::Gaussian => {
                let drawn: f32 = StandardNormal.sample(rng);
                said[0] + said[1] * drawn
            }
            Self::StudentT => {
                let drawn = rand_distr::StudentT::new(said[2]).map_or(f32::NAN, |t| t.sample(rng));
                said[0] + said[1] * drawn
            }
            _ => self.point(said),
        }
    }
}

/// Numbers of each column beside values `[B, H, T]`, `[1, 1, T]`.
fn row(numbers: &[f32], values: &Tensor<3>) -> Tensor<3> {
    let columns = values.dims()[2];
    Tensor::<1>::from_floats(&numbers[..columns], &values.device()).reshape([1, 1, columns])
}

/// Quantiles in the order that they should have.
fn sorted(said: &[f32]) -> Vec<f32> {
    let mut quantiles = said.to_vec();
    quantiles.sort_by(f32::total_cmp);
    quantiles
}

/// The negative log-likelihood of values under Student's t.
fn student_t_cost(mean: Tensor<3>, width: Tensor<3>, freedom: Tensor<3>, values: Tensor<3>) -> Tensor<3> {
    let half = (freedom.clone() + 1.0) * 0.5;
    let scaled = (values - mean) / width.clone();
    log_gamma(freedom.clone() * 0.5) - log_gamma(half.clone())
        + (freedom.clone() * std::f64::consts::PI).log() * 0.5
        + width.log()
        + half * (scaled.square() / freedom).log1p()
}

/// ln Γ of numbers from 1 up, to 1e-6: Stirling's series at x + 4, and back by Γ(x + 1) = x Γ(x).
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

    const HEADS: [Head; 7] =
        [Head::Mae, Head::Mse, Head::Gaussian, Head::StudentT, Head::Quantiles, Head::Qlike, Head::Direction];

    fn scaler() -> Scaler {
        Scaler { columns: vec!["a".to_owned()], means: vec![0.2], deviations: vec![2.0], yearly: false, step: None }
    }

    fn cost(head: Head, said: &[f32], value: f32) -> f32 {
        let device = Device::flex();
        let said = Tensor::<1>::from_floats(said, &device).reshape([1, 1, 1, head.width()]);
        let value = Tensor::<1>::from_floats([value], &device).reshape([1, 1, 1]);
        head.cost(said, value, &scaler()).into_scalar::<f32>()
    }

    #[test]
    fn costs_are_what_their_formulas_say() {
        let near = |found: f32, expected: f64| approx::assert_relative_eq!(f64::from(found), expected, epsilon = 1e-5);
        near(cost(Head::Mae, &[1.0], 3.0), 2.0);
        near(cost(Head::Mse, &[1.0], 3.0), 4.0);
        near(cost(Head::Gaussian, &[1.0, 0.5], 1.7), -Normal::new(1.0, 0.5).unwrap().ln_pdf(1.7));
        for freedom in [2.1, 5.0, 40.0] {
            let t = StudentsT::new(1.0, 0.5, f64::from(freedom)).unwrap();
            near(cost(Head::StudentT, &[1.0, 0.5, freedom], 3.0), -t.ln_pdf(3.0));
        }
        let pinball = [0.025 * 4.0, 0.1 * 3.0, 0.5 * 2.0, 0.9 * 1.0, 0.0];
        near(cost(Head::Quantiles, &[-1.0, 0.0, 1.0, 2.0, 3.0], 3.0), 0.4 * pinball.iter().sum::<f64>());
        // Logarithms that differ by 0.5 standardised, so by 1.
        near(cost(Head::Qlike, &[1.0], 1.5), 1f64.exp() - 1.0 - 1.0);
        // −0.05 standardised is 0.1 in its own units: up.
        near(cost(Head::Direction, &[0.7], -0.05), (1.0 + (-0.7f64).exp()).ln());
        near(cost(Head::Direction, &[0.7], -0.15), (1.0 + 0.7f64.exp()).ln());
    }

    #[test]
    fn outputs_of_any_size_say_something() {
        let device = Device::flex();
        for head in HEADS {
            for size in [-90.0, 0.0, 90.0] {
                let said = head.said(Tensor::full([1, 1, 1, head.width()], size, &device));
                let values = Tensor::ones([1, 1, 1], &device);
                let cost = head.cost(said.clone(), values, &scaler()).into_scalar::<f32>();
                assert!(cost.is_finite(), "{head:?} {size}: {cost}");
                let said: Vec<f32> = said.into_data().try_to_vec().unwrap();
                assert!(head.ends(&said).is_sorted() && head.point(&said).is_finite(), "{head:?} {said:?}");
            }
        }
    }

    /// The interval ends, and as many of the values drawn, lie where the distribution has them.
    #[test]
    fn draws_lie_within_their_intervals_as_often_as_they_should() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (head, said) in [(Head::Gaussian, vec![3.0, 2.0]), (Head::StudentT, vec![3.0, 2.0, 4.0])] {
            let ends = head.ends(&said);
            let drawn: Vec<f32> = (0..20_000).map(|_| head.draw(&said, &mut rng)).collect();
            for (end, level) in ends.iter().zip(LEVELS) {
                let below = drawn.iter().filter(|value| *value < end).count() as f64 / 20_000.0;
                approx::assert_abs_diff_eq!(below, level, epsilon = 0.01);
            }
        }
    }

    /// To forecast scaled values is to scale the forecast.
    #[test]
    fn what_is_said_can_be_scaled() {
        let device = Device::flex();
        let [mean, deviation] = [3.0, 2.0].map(|value| Tensor::full([1, 1, 1, 1], value, &device));
        for head in [Head::Gaussian, Head::StudentT, Head::Quantiles, Head::Mae] {
            let said: Vec<f32> = (1..=head.width()).map(|number| 0.7 * number as f32 + 1.5).collect();
            let tensor = Tensor::<1>::from_floats(&said[..], &device).reshape([1, 1, 1, head.width()]);
            let scaled = head.rescale(tensor, mean.clone(), deviation.clone());
            let scaled: Vec<f32> = scaled.into_data().try_to_vec().unwrap();
            approx::assert_relative_eq!(head.point(&scaled), 2.0 * head.point(&said) + 3.0);
            if head.has_intervals() {
                for (scaled, end) in head.ends(&scaled).iter().zip(head.ends(&said)) {
                    approx::assert_relative_eq!(*scaled, 2.0 * end + 3.0, epsilon = 1e-5);
                }
            }
        }
    }
}
